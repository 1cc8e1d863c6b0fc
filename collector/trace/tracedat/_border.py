"""What a trace.dat records of its machine and its CPUs, checked before compiled code relies on
it."""

from dataclasses import replace

from collector.trace.errors import InputError
from collector.trace.tracedat._bytes_file import BytesFile
from collector.trace.tracedat._contents import Contents, CpuData

MOST_CPUS = 8192
"""As many as a kernel can be built for (NR_CPUS_RANGE_END of arch/x86/Kconfig with MAXSMP)."""
MOST_CPU_BUFFERS = MOST_CPUS
"""CPUs of all buffers: each takes memory while it is decoded."""
SMALLEST_PAGE = 1 << 12
_LARGEST_MACHINE_PAGE = 1 << 16
LARGEST_PAGE = 128 * _LARGEST_MACHINE_PAGE
"""Of a ring buffer: 128 pages of the machine at most (buffer_subbuf_size_write() in
kernel/trace/trace.c)."""


def check_page_size(file: BytesFile, offset: int, size: int) -> None:
    """Of the machine. Raises InputError."""
    is_power = size & (size - 1) == 0
    if not SMALLEST_PAGE <= size <= _LARGEST_MACHINE_PAGE or not is_power:
        raise InputError(file.path, offset, f"pages of {size} bytes: the file is damaged")


def check_cpu_count(file: BytesFile, offset: int, count: int) -> None:
    """Raises InputError."""
    if count > MOST_CPUS:
        raise InputError(file.path, offset, f"{count} CPUs: the file is damaged")


def keep_sound_cpus(file: BytesFile, contents: Contents) -> None:
    """Leave out the CPUs that cannot be, and report them: those of a number that no kernel has, and
    those whose data is that of another one, which would be read as often as it is named.

    Raises InputError if there are too many."""
    numbered = [
        (number, cpu) for number, buffer in enumerate(contents.buffers) for cpu in buffer.cpus
    ]
    kept: list[list[CpuData]] = [[] for _ in contents.buffers]
    reached = 0
    for number, cpu in sorted(numbered, key=lambda one: one[1].offset):
        reason = _what_is_wrong(file, cpu, reached)
        if reason is None:
            kept[number].append(cpu)
            reached = max(reached, cpu.offset + cpu.size)
        else:
            at = min(cpu.offset, file.size)
            contents.damage.append(InputError(file.path, at, f"CPU {cpu.cpu}: {reason}"))
            contents.lacks_cpus = True
    buffers = sum(map(len, kept))
    if buffers > MOST_CPU_BUFFERS:
        raise InputError(file.path, None, f"the data of {buffers} CPUs: the file is damaged")
    for number, buffer in enumerate(contents.buffers):
        cpus = sorted(kept[number], key=lambda cpu: cpu.cpu)
        contents.buffers[number] = replace(buffer, cpus=tuple(cpus))


def _what_is_wrong(file: BytesFile, cpu: CpuData, reached: int) -> str | None:
    """`reached`: to where the data of CPUs before it goes."""
    if cpu.cpu >= MOST_CPUS:
        return "no kernel has one of that number"
    if cpu.offset > file.size:
        return "its data would lie behind the end of the file"
    if cpu.offset < min(reached, file.size):
        return "its data would be that of another one, too"
    return None
