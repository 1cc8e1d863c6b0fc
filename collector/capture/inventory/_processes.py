"""Processes by /proc. Any of them may vanish at any time: what is gone is None or empty."""

import os
from collections.abc import Iterator
from pathlib import Path

from collector.capture.inventory._command_lines import guest_called
from collector.vm_inventory import VmmFacts

PROC = Path("/proc")
NS_PER_S = 1_000_000_000
PF_USER_WORKER = 0x4000
"""include/linux/sched.h; in field 9 of /proc/PID/stat."""


def process_ids() -> Iterator[int]:
    """All processes that can be seen from this pid namespace, once each."""
    with os.scandir(PROC) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                yield int(entry.name)


def vmm_of(pid: int) -> VmmFacts | None:
    """Who a process is and what it calls its guest. None: it is gone."""
    stat = _read(pid, "stat")
    if stat is None:
        return None
    command, start_ns = _stat(stat)
    arguments = (_read(pid, "cmdline") or b"").decode(errors="replace").split("\0")
    name, uuid = guest_called(_program(pid) or arguments[0], arguments[1:])
    return VmmFacts(pid, start_ns, command, name, uuid)


def is_still(process: VmmFacts) -> bool:
    """Whether the pid still names that process."""
    stat = _read(process.pid, "stat")
    return stat is not None and _stat(stat)[1] == process.start_ns


def command_of(pid: int, tid: int) -> str:
    """The name of a thread; empty if it is gone."""
    return (_read(pid, f"task/{tid}/comm") or b"").decode(errors="replace").removesuffix("\n")


def is_kernel_worker(pid: int, tid: int) -> bool:
    """Whether the kernel itself made a thread, as KVM does when a vCPU first runs (Linux 6.4,
    kernel/vhost_task.c): it seems to be in the call of the one that it was cloned from."""
    stat = _read(pid, f"task/{tid}/stat")
    return stat is not None and bool(int(_fields(stat)[9 - 3]) & PF_USER_WORKER)


def thread_ids(pid: int) -> list[int]:
    try:
        return [int(path.name) for path in (PROC / str(pid) / "task").iterdir()]
    except OSError:
        return []


def _stat(content: bytes) -> tuple[str, int]:
    """The name and the start on the boot clock, in ns (field 22, in clock ticks).

    The name stands in parentheses, and may hold blanks and parentheses itself.
    """
    first, last = content.index(b"("), content.rindex(b")")
    ticks = int(_fields(content)[22 - 3])
    start_ns = ticks * NS_PER_S // os.sysconf("SC_CLK_TCK")
    return content[first + 1 : last].decode(errors="replace"), start_ns


def _fields(stat: bytes) -> list[bytes]:
    """From the third on: the second, the name, is the last one with a parenthesis."""
    return stat[stat.rindex(b")") + 2 :].split()


def _program(pid: int) -> str | None:
    """The path of the executable: the first argument is only what its parent called it."""
    try:
        return str((PROC / str(pid) / "exe").readlink())
    except OSError:
        return None


def _read(pid: int, name: str) -> bytes | None:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return None
