"""What a trace.dat holds before its events: the same for both versions of the file."""

from dataclasses import dataclass, field

from collector.trace.errors import InputError
from collector.trace.ring_buffer import EventFormat, parse_event_format
from collector.trace.tracedat._bytes_file import Cursor


@dataclass(frozen=True, slots=True)
class CpuData:
    """Where one CPU's sub-buffers lie in the file."""

    cpu: int
    offset: int
    size: int  # bytes in the file
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class Buffer:
    """One ring buffer: the top one (name "") or a tracing instance."""

    name: str
    clock: str
    page_size: int
    cpus: tuple[CpuData, ...]


@dataclass(frozen=True, slots=True)
class TscToNs:
    """ns = (tsc * multiplier >> shift) + offset (option TSC2NSEC)."""

    multiplier: int
    shift: int
    offset: int


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest traced at the same time (option GUEST). Its events are in a file of its own."""

    name: str
    trace_id: int
    vcpu_tids: dict[int, int]  # vCPU -> host task


@dataclass(slots=True)
class Contents:
    """All metadata of a trace.dat, filled in while its sections are read."""

    version: int
    page_size: int  # of the machine
    compression: str = "none"
    header_page: str = ""
    formats: list[EventFormat] = field(default_factory=list)
    command_names: dict[int, str] = field(default_factory=dict)
    kallsyms_at: tuple[int, int] | None = None  # offset, bytes; of the section if in version 7
    buffers: list[Buffer] = field(default_factory=list)
    cpu_count: int = 0
    clock: str = ""
    uname: str = ""
    recorder: str = ""  # version of trace-cmd
    trace_id: int | None = None
    offset_ns: int = 0  # option OFFSET: to be added to every time
    wall_minus_clock_ns: int | None = None  # option DATE
    tsc_to_ns: TscToNs | None = None
    is_shifted_to_host: bool = False  # option TIME_SHIFT: times are a guest's
    guests: list[Guest] = field(default_factory=list)
    cpu_stats: dict[str, list[str]] = field(default_factory=dict)  # buffer name -> stats texts
    notes: list[str] = field(default_factory=list)  # sentences for people
    damage: list[InputError] = field(default_factory=list)  # in the metadata, worked around
    lacks_cpus: bool = False  # events of some CPU are left out: at any time something is missing


def read_header_info(cursor: Cursor, contents: Contents) -> None:
    cursor.expect(b"header_page\0")
    contents.header_page = _text(cursor, cursor.u64())
    cursor.expect(b"header_event\0")
    cursor.take(cursor.u64())


def read_ftrace_formats(cursor: Cursor, contents: Contents) -> None:
    for _ in range(cursor.u32()):
        _add_format(cursor, "ftrace", contents)


def read_event_formats(cursor: Cursor, contents: Contents) -> None:
    for _ in range(cursor.u32()):
        system = cursor.string()
        for _ in range(cursor.u32()):
            _add_format(cursor, system, contents)


def _add_format(cursor: Cursor, system: str, contents: Contents) -> None:
    text = _text(cursor, cursor.u64())
    try:
        contents.formats.append(parse_event_format(system, text))
    except ValueError as error:
        raise cursor.error(f"{error} (system {system!r})") from error


def read_command_names(cursor: Cursor, contents: Contents) -> None:
    """saved_cmdlines: one "TID COMM" a line; a command name may hold spaces."""
    for line in _text(cursor, cursor.u64()).splitlines():
        tid, _, name = line.strip().partition(" ")
        if tid.isdecimal() and len(tid) < 11 and name:
            contents.command_names[int(tid)] = name


def _text(cursor: Cursor, length: int) -> str:
    return cursor.take(length).decode("utf-8", "backslashreplace")
