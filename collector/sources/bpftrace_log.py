"""The text log of the conv.bt bpftrace program (`gmemscope recipe` prints it).

One line a call, at its return:
    ts_enter ts_exit tgid tid comm NAME fd=... ... ret=...
Times are ns; comm may contain blanks; bpftrace prints negative fds as signed or unsigned.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.coverage import Capability
from collector.records import (
    CALL,
    SAW_ENTER,
    SAW_EXIT,
    SAW_GMEM,
    SAW_STRUCT,
    CallArray,
    CallCode,
)
from collector.sources.base import InputError, SourceDescription

UNKNOWN_CPU = 0xFFFF
LINES_PER_BATCH = 1 << 16
BATCHES_HELD = 4
"""Lines come in bursts, one CPU's buffer after the other: so many are sorted together."""

_UNSEEN = frozenset(
    {
        Capability.CAUSES,
        Capability.HYPERCALLS,
        Capability.PAGE_FAULTS,
        Capability.UNMAPS,
        Capability.FD_LIFETIMES,
        Capability.REQUESTED_RANGES,
    }
)
_BOTH = SAW_ENTER | SAW_EXIT
_U, _H, _D = rb"(\d+)", rb"(0x[0-9a-f]+)", rb"(-?\d+)"


@dataclass(frozen=True, slots=True)
class _Line:
    """One kind of line: what it becomes and where its numbers go."""

    code: CallCode
    flags: int
    fields: re.Pattern[bytes]


def _fields(*names_and_shapes: tuple[bytes, bytes]) -> re.Pattern[bytes]:
    return re.compile(b" ".join(name + b"=" + shape for name, shape in names_and_shapes))


_FD, _RET = (b"fd", _D), (b"ret", _D)
_REGION = ((b"slot", _U), (b"flags", _H), (b"gpa", _H), (b"size", _H), (b"hva", _H))
_GMEM = ((b"gmem_offset", _H), (b"gmem_fd", _D))
LINES: dict[bytes, _Line] = {
    b"SET_MEMORY_ATTRIBUTES": _Line(
        CallCode.SET_ATTRIBUTES,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"address", _H), (b"size", _H), (b"attributes", _H), (b"flags", _H), _RET),
    ),
    b"SET_USER_MEMORY_REGION": _Line(
        CallCode.SET_REGION, _BOTH | SAW_STRUCT, _fields(_FD, *_REGION, _RET)
    ),
    b"SET_USER_MEMORY_REGION2": _Line(
        CallCode.SET_REGION, _BOTH | SAW_STRUCT | SAW_GMEM, _fields(_FD, *_REGION, *_GMEM, _RET)
    ),
    b"CREATE_GUEST_MEMFD": _Line(
        CallCode.CREATE_GUEST_MEMFD,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"size", _H), (b"flags", _H), _RET),
    ),
    b"CREATE_VM": _Line(CallCode.CREATE_VM, _BOTH | SAW_STRUCT, _fields(_FD, (b"type", _D), _RET)),
    b"CREATE_VCPU": _Line(
        CallCode.CREATE_VCPU, _BOTH | SAW_STRUCT, _fields(_FD, (b"vcpu_id", _D), _RET)
    ),
    b"FALLOCATE": _Line(
        CallCode.FALLOCATE,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"mode", _H), (b"offset", _H), (b"len", _H), _RET),
    ),
}
_HEAD = re.compile(
    rb"(\d+) (\d+) (\d+) (\d+) (.{0,15}) (" + b"|".join(sorted(LINES, reverse=True)) + rb") (fd=.*)"
)
_LOST = re.compile(rb"Lost (\d+) events")
_VERSION = re.compile(rb"# conv\.bt v(\d+)")
_U64 = (1 << 64) - 1


def looks_like_bpftrace_log(head: bytes) -> bool:
    """Whether the first bytes of a file are a conv.bt log."""
    lines = head.split(b"\n")[:64]
    return any(_VERSION.match(line) or _HEAD.match(line) for line in lines)


class BpftraceLog:
    """A Source over one log file. Reads it twice: once for its first instant, once for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read: int | None = 0
        self._command_names: dict[int, str] = {}
        self._reader = _Reader(path, self._command_names)
        self._start_ns = _first_instant(path)

    def describe(self) -> SourceDescription:
        return SourceDescription(
            format="bpftrace",
            clock="boot",
            clock_start_ns=self._start_ns,
            host="",
            kernel_release=None,
            sees=self.sees(),
            events_present=tuple(name.decode() for name in LINES),
            command_names=self._command_names,
        )

    def sees(self) -> dict[str, bool]:
        """The program decides: it watches system calls and nothing else."""
        return {c.value: c not in _UNSEEN for c in Capability}

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Lines by name so far; there are none that go unused."""
        return dict(self._reader.counts), {}

    def close(self) -> None:
        """Nothing is kept open."""

    def batches(self) -> Iterator[CallArray]:
        """Calls by the time of their return. Raises InputError at the end if lines were damaged."""
        held = np.zeros(0, dtype=CALL)
        emitted_to = np.uint64(0)
        with self.path.open("rb") as file:
            for batch in self._reader.read(file):
                self.bytes_read = self._reader.offset
                held = np.concatenate((held, batch))
                if len(held) >= BATCHES_HELD * LINES_PER_BATCH:
                    ready, held = _split_sorted(held, len(held) // 2)
                    ready, emitted_to = self._without_late(ready, emitted_to)
                    yield ready
        ready, _ = self._without_late(_split_sorted(held, len(held))[0], emitted_to)
        yield ready
        self._reader.raise_if_damaged()

    def _without_late(self, calls: CallArray, emitted_to: np.uint64) -> tuple[CallArray, np.uint64]:
        """Turn calls older than what was already given into losses: their order is not known."""
        late = calls["ts_exit"] < emitted_to
        if late.any():
            first = int(np.flatnonzero(~late)[0]) if not late.all() else len(calls)
            at = int(emitted_to)
            calls = np.concatenate((_loss(at, at, first), calls[first:]))
        last = calls["ts_exit"][-1] if len(calls) else emitted_to
        return calls, max(emitted_to, last)


def _first_instant(path: Path) -> int:
    first: int | None = None
    with path.open("rb") as file:
        for line in file:
            stamp = line.split(b" ", 1)[0]
            if stamp.isdigit() and len(stamp) < 20 and _HEAD.match(line):
                first = int(stamp) if first is None else min(first, int(stamp))
    return first or 0


def _split_sorted(calls: CallArray, count: int) -> tuple[CallArray, CallArray]:
    """A gap begins after what returned at the same instant, and ends before it."""
    is_begin = calls["code"] == CallCode.LOSS_BEGIN
    is_end = calls["code"] == CallCode.LOSS_END
    is_empty = is_end & (calls["v"][:, 1] == calls["ts_exit"])
    rank = np.where(is_begin | is_empty, 2, np.where(is_end, 0, 1))
    ordered = calls[np.lexsort((rank, calls["ts_exit"]))]
    return ordered[:count], ordered[count:]


def _loss(from_ns: int, to_ns: int, count: int) -> CallArray:
    rows = np.zeros(2, dtype=CALL)
    rows["code"] = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)
    rows["ts_enter"] = rows["ts_exit"] = (from_ns, to_ns)
    rows["v"][:, 0] = count
    rows["v"][:, 1] = (to_ns, from_ns)
    rows["cpu"] = UNKNOWN_CPU
    rows["fd"] = -1
    return rows


@dataclass(slots=True)
class _Reader:
    """Lines -> rows, keeping count of what was lost or could not be read."""

    path: Path
    command_names: dict[int, str]
    offset: int = 0
    unreadable: int = 0
    first_unreadable: int = 0
    is_cut: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _rows: list[tuple[object, ...]] = field(default_factory=list)
    _losses: list[CallArray] = field(default_factory=list)
    _lost_since: int = 0
    _previous_exit: int | None = None

    def read(self, file: BinaryIO) -> Iterator[CallArray]:
        for line in file:
            self._take(line)
            self.offset += len(line)
            if len(self._rows) >= LINES_PER_BATCH:
                yield self._batch()
        if self._lost_since:
            end = self._previous_exit or 0
            self._losses.append(_loss(end, end, self._lost_since))
            self._lost_since = 0
        yield self._batch()

    def raise_if_damaged(self) -> None:
        if self.is_cut:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)

    def _take(self, line: bytes) -> None:
        is_whole = line.endswith(b"\n")
        text = line.rstrip(b"\r\n")
        row = self._row(text) if is_whole else None
        if row is not None:
            self._place_losses(row)
            self._rows.append(row)
        elif not is_whole and text:
            self._note_unreadable()
            self._lost_since -= not text[:1].isdigit()  # of no call, but of a comment
            self.is_cut = True
        elif lost := _LOST.fullmatch(text):
            self._lost_since += int(lost[1])
        elif version := _VERSION.match(text):
            if version[1] != b"1":
                raise InputError(self.path, self.offset, f"conv.bt v{int(version[1])} is not known")
        elif text[:1].isdigit() or any(b" " + name + b" " in text for name in LINES):
            self._note_unreadable()

    def _note_unreadable(self) -> None:
        """A line that cannot be read is a call that is lost: place and count are known."""
        if not self.unreadable:
            self.first_unreadable = self.offset
        self.unreadable += 1
        self._lost_since += 1

    def _row(self, text: bytes) -> tuple[object, ...] | None:
        head = _HEAD.fullmatch(text)
        if head is None:
            return None
        line = LINES[head[6]]
        values = line.fields.fullmatch(head[7])
        if values is None:
            return None
        numbers = [int(value, 0) for value in values.groups()]
        t_enter, t_exit, tgid, tid = (int(head[i]) for i in range(1, 5))
        if not _is_plausible(t_enter, t_exit, tgid, tid, numbers):
            return None
        if tid not in self.command_names or line.code == CallCode.CREATE_VM:
            self.command_names[tid] = head[5].decode(errors="replace")
        self.counts[head[6].decode()] += 1
        fd, ret = _signed32(numbers[0]), numbers[-1]
        v = _arguments(line, numbers[1:-1])
        identity = (tid, tgid, UNKNOWN_CPU, line.code, line.flags, 0, 0, -1, 0)
        return (t_enter, t_exit, *identity, fd, 0, ret, v)

    def _place_losses(self, row: tuple[object, ...]) -> None:
        t_enter, t_exit = int(str(row[0])), int(str(row[1]))
        if self._lost_since:
            before = t_enter if self._previous_exit is None else self._previous_exit
            self._losses.append(_loss(min(before, t_enter), max(before, t_enter), self._lost_since))
            self._lost_since = 0
        self._previous_exit = t_exit

    def _batch(self) -> CallArray:
        rows = np.array(self._rows, dtype=CALL)
        batch = np.concatenate((*self._losses, rows))
        self._rows, self._losses = [], []
        return batch


def _is_plausible(t_enter: int, t_exit: int, tgid: int, tid: int, numbers: list[int]) -> bool:
    if not t_enter <= t_exit < 1 << 63 or max(tgid, tid) >= 1 << 31:
        return False
    return all(-(1 << 63) <= n <= _U64 for n in numbers) and numbers[-1] < 1 << 63


def _signed32(number: int) -> int:
    """bpftrace prints an int that it was given as u64 with %d or %u: -1, 2^32 - 1 or 2^64 - 1."""
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low


def _arguments(line: _Line, numbers: list[int]) -> tuple[int, ...]:
    """The call's v: see CallCode."""
    v = [n & _U64 for n in numbers]
    if line.code == CallCode.SET_REGION:
        v[0:2] = [(v[0] & 0xFFFFFFFF) | (v[1] & 0xFFFFFFFF) << 32]
        if len(v) > 5:
            v[5] = _signed32(v[5]) & _U64
    return (*v, *[0] * (7 - len(v)))
