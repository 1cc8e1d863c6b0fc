"""Ring-buffer pages and trace.dat files made by hand, for what no recording holds."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import zstandard

COMMON = """\
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;
"""


def event_format(name: str, event_id: int, *fields: tuple[str, int, int, bool]) -> str:
    """A `format` file; `fields`: declaration, offset, size, is signed."""
    lines = "".join(
        f"\tfield:{declaration};\toffset:{offset};\tsize:{size};\tsigned:{int(signed)};\n"
        for declaration, offset, size, signed in fields
    )
    return f'name: {name}\nID: {event_id}\nformat:\n{COMMON}\n{lines}\nprint fmt: ""\n'


def header_page(page_size: int, long_size: int = 8) -> str:
    start = 8 + long_size
    return (
        "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
        f"\tfield: local_t commit;\toffset:8;\tsize:{long_size};\tsigned:1;\n"
        "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
        f"\tfield: char data;\toffset:{start};\tsize:{page_size - start};\tsigned:1;\n"
    )


EXIT_ID, HYPERCALL_ID, OTHER_ID = 899, 114, 77
FORMATS = {
    "syscalls": [
        event_format(
            "sys_exit_ioctl", EXIT_ID, ("int __syscall_nr", 8, 4, True), ("long ret", 16, 8, True)
        )
    ],
    "kvm": [
        event_format(
            "kvm_hypercall",
            HYPERCALL_ID,
            *(
                (f"unsigned long {name}", 8 + 8 * i, 8, False)
                for i, name in enumerate(("nr", "a0", "a1", "a2", "a3"))
            ),
        ),
        event_format("kvm_fpu", OTHER_ID, ("u32 load", 8, 4, False)),
    ],
}


def word(type_len: int, delta: int = 0) -> bytes:
    return struct.pack("<I", type_len | delta << 5)


def exit_data(ret: int, tid: int = 1) -> bytes:
    return struct.pack("<HBBiiiq", EXIT_ID, 0, 0, tid, 16, 0, ret)


def event(content: bytes, delta: int = 0) -> bytes:
    """An event of up to 112 bytes of data."""
    assert len(content) % 4 == 0 and 0 < len(content) <= 112
    return word(len(content) // 4, delta) + content


def large_event(content: bytes, delta: int = 0) -> bytes:
    """An event with its length in the word after its head (type_len 0)."""
    padded = content + bytes(-len(content) % 4)
    return word(0, delta) + struct.pack("<I", len(content) + 4) + padded


def ioctl_exit(ret: int, delta: int = 0, tid: int = 1) -> bytes:
    return event(exit_data(ret, tid), delta)


def time_extend(delta: int) -> bytes:
    return word(30, delta & (2**27 - 1)) + struct.pack("<I", delta >> 27)


def time_stamp(stamp: int) -> bytes:
    return word(31, stamp & (2**27 - 1)) + struct.pack("<I", stamp >> 27 & 0xFFFFFFFF)


def discarded(content: bytes, delta: int = 1) -> bytes:
    """What rb_event_discard leaves of an event."""
    return word(29, delta) + struct.pack("<I", len(content)) + content[4:]


def page(
    ts: int,
    *events: bytes,
    size: int = 4096,
    missed: bool = False,
    missed_count: int | None = None,
    stale: int = 0,
) -> bytes:
    """A sub-buffer; `stale` is the byte that fills what its events leave free."""
    content = b"".join(events)
    commit = len(content) - (missed << 31)  # the kernel adds a negative int
    if missed_count is not None:
        commit += 1 << 30
        content += struct.pack("<q", missed_count)
    filled = struct.pack("<Qq", ts, commit) + content
    return filled[:size] + bytes([stale]) * (size - len(filled))


@dataclass
class TraceFile:
    """What to write into a trace.dat."""

    cpus: Mapping[int, Iterable[bytes]]
    formats: Mapping[str, list[str]] = field(default_factory=lambda: FORMATS)
    page_size: int = 4096
    clock: str = "mono"
    options: list[tuple[int, bytes]] = field(default_factory=list)
    kallsyms: bytes = b""
    header: str | None = None  # header_page, if not that of page_size
    instances: Mapping[str, tuple[str, Mapping[int, Iterable[bytes]]]] = field(
        default_factory=dict
    )  # name -> clock, cpus

    def version7(self, compression: str = "none") -> bytes:
        return _Version7(self, compression).write()

    def version6(self, machine_page_size: int = 4096) -> bytes:
        """Of instances only the names count: version 6 knows one clock."""
        out = bytearray(b"\x17\x08\x44tracing6\0\0\x08" + struct.pack("<I", machine_page_size))
        out += self._header_info() + struct.pack("<I", 0) + self._event_formats()
        out += struct.pack("<I", len(self.kallsyms)) + self.kallsyms + struct.pack("<I", 0)
        out += self._command_names() + struct.pack("<I", len(self.cpus)) + b"options  \0"
        for option, content in self._options():
            out += struct.pack("<HI", option, len(content)) + content
        places = []
        for name in self.instances:
            content = bytes(8) + name.encode() + b"\0"
            places.append(len(out) + 6)
            out += struct.pack("<HI", 3, len(content)) + content
        out += struct.pack("<H", 0)
        self._add_cpu_table(out, self.cpus)
        for place, (_, cpus) in zip(places, self.instances.values(), strict=True):
            out[place : place + 8] = struct.pack("<Q", len(out))
            self._add_cpu_table(out, cpus)
        return bytes(out)

    def _add_cpu_table(self, out: bytearray, cpus: Mapping[int, Iterable[bytes]]) -> None:
        out += b"flyrecord\0"
        table = len(out)
        out += bytes(16 * len(cpus))
        for i, pages in enumerate(cpus.values()):
            out += bytes(-len(out) % 4096)
            content = b"".join(pages)
            out[table + 16 * i : table + 16 * i + 16] = struct.pack("<QQ", len(out), len(content))
            out += content

    def _header_info(self) -> bytes:
        text = (self.header or header_page(self.page_size)).encode()
        head = b"header_page\0" + struct.pack("<Q", len(text)) + text
        return head + b"header_event\0" + struct.pack("<Q", 0)

    def _event_formats(self) -> bytes:
        out = struct.pack("<I", len(self.formats))
        for system, texts in self.formats.items():
            out += system.encode() + b"\0" + struct.pack("<I", len(texts))
            for text in texts:
                out += struct.pack("<Q", len(text)) + text.encode()
        return out

    def _command_names(self) -> bytes:
        text = b"1 qemu system\n7 vcpu0\n"
        return struct.pack("<Q", len(text)) + text

    def _options(self) -> list[tuple[int, bytes]]:
        clocks = f"local global [{self.clock}] boot\n\0".encode()
        uname = b"Linux testhost 6.12.0-test x86_64\0"
        cpus = (8, struct.pack("<I", len(self.cpus)))
        return [(4, clocks), (5, uname), cpus, *self.options]


class _Version7:
    """Writes sections; options are chained by the place where the next ones' offset goes."""

    def __init__(self, trace: TraceFile, compression: str) -> None:
        self.trace = trace
        self.compression = compression
        self.out = bytearray(b"\x17\x08\x44tracing7\0\0\x08" + struct.pack("<I", trace.page_size))
        self.out += compression.encode() + b"\x001.5\0"
        self.next_options = len(self.out)
        self.out += bytes(8)

    def write(self) -> bytes:
        trace = self.trace
        kallsyms = struct.pack("<I", len(trace.kallsyms)) + trace.kallsyms
        sections = [
            (16, trace._header_info()),
            (18, trace._event_formats()),
            (19, kallsyms),
            (21, trace._command_names()),
        ]
        located = [(i, struct.pack("<Q", self._section(i, text))) for i, text in sections]
        self._add_options([*located, *trace._options()])
        self._add_buffer("", trace.clock, trace.cpus)
        for name, (clock, cpus) in trace.instances.items():
            self._add_buffer(name, clock, cpus)
        return bytes(self.out)

    def _section(self, section_id: int, content: bytes) -> int:
        if self.compression != "none":
            packed = zstandard.compress(content)
            content = struct.pack("<II", len(packed), len(content)) + packed
        offset = len(self.out)
        self.out += self._section_head(section_id, len(content)) + content
        return offset

    def _section_head(self, section_id: int, size: int) -> bytes:
        return struct.pack("<HHIQ", section_id, self.compression != "none", 0, size)

    def _add_options(self, options: list[tuple[int, bytes]]) -> None:
        self.out[self.next_options : self.next_options + 8] = struct.pack("<Q", len(self.out))
        content = b"".join(struct.pack("<HI", i, len(text)) + text for i, text in options)
        content += struct.pack("<HIQ", 0, 8, 0)
        self.out += struct.pack("<HHIQ", 0, 0, 0, len(content)) + content
        self.next_options = len(self.out) - 8

    def _add_buffer(self, name: str, clock: str, cpus: Mapping[int, Iterable[bytes]]) -> None:
        start = len(self.out)
        self.out += bytes(16)
        option = struct.pack("<Q", start) + name.encode() + b"\0" + clock.encode() + b"\0"
        option += struct.pack("<II", self.trace.page_size, len(cpus))
        for cpu, pages in cpus.items():
            self.out += bytes(-len(self.out) % 4096)
            content = self._cpu_data(list(pages))
            option += struct.pack("<IQQ", cpu, len(self.out), len(content))
            self.out += content
        head = self._section_head(3, len(self.out) - start - 16)
        self.out[start : start + 16] = head
        self._add_options([(3, option)])

    def _cpu_data(self, pages: list[bytes]) -> bytes:
        if self.compression == "none":
            return b"".join(pages)
        chunks = [b"".join(pages[i : i + 3]) for i in range(0, len(pages), 3)]
        out = struct.pack("<I", len(chunks))
        for chunk in chunks:
            packed = zstandard.compress(chunk)
            out += struct.pack("<II", len(packed), len(chunk)) + packed
        return out
