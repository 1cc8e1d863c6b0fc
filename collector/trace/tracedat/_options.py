"""The options of a trace.dat: clock, kernel, buffers, guests, losses per CPU, time corrections.

trace-cmd.dat.v6(5) and trace-cmd.dat.v7(5); ids as in trace-cmd's include/private.
"""

import re
from collections.abc import Callable
from enum import IntEnum

from collector.trace.errors import InputError
from collector.trace.tracedat._border import MOST_CPUS
from collector.trace.tracedat._bytes_file import Cursor, text_of
from collector.trace.tracedat._contents import Contents, Guest, TscToNs


class Option(IntEnum):
    DONE = 0
    DATE = 1
    CPUSTAT = 2
    BUFFER = 3
    TRACECLOCK = 4
    UNAME = 5
    OFFSET = 7
    CPUCOUNT = 8
    VERSION = 9
    TRACEID = 11
    TIME_SHIFT = 12
    GUEST = 13
    TSC2NSEC = 14
    HEADER_INFO = 16
    FTRACE_EVENTS = 17
    EVENT_FORMATS = 18
    KALLSYMS = 19
    PRINTK = 20
    CMDLINES = 21
    BUFFER_TEXT = 22


_SELECTED = re.compile(r"\[(\S+)\]")
_STATS_OF_INSTANCE = re.compile(r"\s*Buffer:\s*(.*?)\s*$")


def selected_clock(trace_clock: str) -> str:
    """The clock in brackets: "local [mono] boot" is mono."""
    selected = _SELECTED.search(trace_clock)
    return selected[1] if selected else trace_clock.strip()


def apply_option(option: int, cursor: Cursor, contents: Contents) -> None:
    """Note what one option holds, or that it is damaged: the others are read on. Options that
    place sections and buffers are the caller's."""
    reader = _READERS.get(option)
    try:
        if reader is not None:
            reader(cursor, contents)
    except InputError as error:
        contents.damage.append(error)


def _string(cursor: Cursor) -> str:
    return text_of(cursor.take(cursor.left)).split("\0")[0]


def _integer(cursor: Cursor) -> int:
    """Of 64 bits with its sign."""
    text = _string(cursor).strip()
    try:
        number = int(text, 0)
    except ValueError as error:
        raise cursor.error(f"option with {text[:40]!r} where a number should be") from error
    if not -(1 << 63) <= number < 1 << 63:
        raise cursor.error(f"option with {text[:40]!r} where a number of 64 bits should be")
    return number


def _date(cursor: Cursor, contents: Contents) -> None:
    contents.wall_minus_clock_ns = _integer(cursor) * 1000  # written in µs


def _cpustat(cursor: Cursor, contents: Contents) -> None:
    """Stats follow the name of their instance; those of the top buffer come first, without."""
    text = _string(cursor)
    instance = _STATS_OF_INSTANCE.match(text)
    if instance is not None:
        contents.cpu_stats[instance[1]] = []
        return
    name = next(reversed(contents.cpu_stats), "")
    contents.cpu_stats.setdefault(name, []).append(text)


def _clock(cursor: Cursor, contents: Contents) -> None:
    contents.clock = selected_clock(_string(cursor))


def _uname(cursor: Cursor, contents: Contents) -> None:
    contents.uname = _string(cursor).strip()


def _offset(cursor: Cursor, contents: Contents) -> None:
    contents.offset_ns += _integer(cursor)


def _cpu_count(cursor: Cursor, contents: Contents) -> None:
    count = cursor.u32()
    if count > MOST_CPUS:
        raise cursor.error(f"{count} CPUs: the file is damaged")
    contents.cpu_count = count


def _version(cursor: Cursor, contents: Contents) -> None:
    contents.recorder = _string(cursor).strip()


def _trace_id(cursor: Cursor, contents: Contents) -> None:
    contents.trace_id = cursor.u64()


def _time_shift(cursor: Cursor, contents: Contents) -> None:
    """Only a guest's own trace has it: corrections towards its host's clock, per vCPU."""
    contents.is_shifted_to_host = True
    contents.notes.append(
        "This file was recorded inside a guest. Its times are the guest's own: the corrections "
        "towards the host's clock which it carries are not applied."
    )


def _guest(cursor: Cursor, contents: Contents) -> None:
    name, trace_id = cursor.string(), cursor.u64()
    tids = {cursor.u32(): cursor.u32() for _ in range(cursor.u32())}
    contents.guests.append(Guest(name, trace_id, tids))
    contents.notes.append(
        f"Guest {name!r} was traced at the same time; its events are in a file of its own."
    )


def _tsc2nsec(cursor: Cursor, contents: Contents) -> None:
    contents.tsc_to_ns = TscToNs(cursor.u32(), cursor.u32(), cursor.u64())


_READERS: dict[int, Callable[[Cursor, Contents], None]] = {
    Option.DATE: _date,
    Option.CPUSTAT: _cpustat,
    Option.TRACECLOCK: _clock,
    Option.UNAME: _uname,
    Option.OFFSET: _offset,
    Option.CPUCOUNT: _cpu_count,
    Option.VERSION: _version,
    Option.TRACEID: _trace_id,
    Option.TIME_SHIFT: _time_shift,
    Option.GUEST: _guest,
    Option.TSC2NSEC: _tsc2nsec,
}
