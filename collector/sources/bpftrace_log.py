"""The text log of the conv.bt bpftrace program (`gmemscope recipe` prints it)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.coverage import Capability
from collector.records import CALL, CallArray, CallCode
from collector.sources.base import InputError, SourceDescription
from collector.sources.bpftrace_lines import LINES, UNKNOWN_CPU, Row, is_call, parsed

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
_LOST = re.compile(rb"(?:WARNING: )?Lost (\d+) events")
_VERSION = re.compile(rb"# conv\.bt v(\d+)")


def looks_like_bpftrace_log(head: bytes) -> bool:
    """Whether the first bytes of a file are a conv.bt log."""
    lines = head.split(b"\n")[:64]
    return any(_VERSION.match(line) or is_call(line) for line in lines)


class BpftraceLog:
    """A Source over one log file. Reads it twice: once for its first instant, once for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read: int | None = 0
        self._command_names: dict[int, str] = {}
        self._reader = LineReader(path, self._command_names)
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
        return capabilities()

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
                    ready, held = split_sorted(held, len(held) // 2)
                    ready, emitted_to = without_late(ready, emitted_to)
                    yield ready
        ready, _ = without_late(split_sorted(held, len(held))[0], emitted_to)
        yield ready
        self._reader.raise_if_damaged()


def capabilities() -> dict[str, bool]:
    """What the program watches: system calls and nothing else."""
    return {c.value: c not in _UNSEEN for c in Capability}


def _first_instant(path: Path) -> int:
    first: int | None = None
    with path.open("rb") as file:
        for line in file:
            stamp = line.split(b" ", 1)[0]
            if stamp.isdigit() and len(stamp) < 20 and is_call(line):
                first = int(stamp) if first is None else min(first, int(stamp))
    return first or 0


def split_sorted(calls: CallArray, count: int) -> tuple[CallArray, CallArray]:
    ordered = in_order(calls)
    return ordered[:count], ordered[count:]


def in_order(calls: CallArray) -> CallArray:
    """Sorted by return. A gap begins after what returned at the same instant, ends before it."""
    is_begin = calls["code"] == CallCode.LOSS_BEGIN
    is_end = calls["code"] == CallCode.LOSS_END
    is_empty = is_end & (calls["v"][:, 1] == calls["ts_exit"])
    rank = np.where(is_begin | is_empty, 2, np.where(is_end, 0, 1))
    ordered: CallArray = calls[np.lexsort((rank, calls["ts_exit"]))]
    return ordered


def without_late(calls: CallArray, emitted_to: np.uint64) -> tuple[CallArray, np.uint64]:
    """Turn calls older than what was already given into losses: their order is not known."""
    late = calls["ts_exit"] < emitted_to
    if late.any():
        first = int(np.flatnonzero(~late)[0]) if not late.all() else len(calls)
        at = int(emitted_to)
        calls = np.concatenate((loss(at, at, first), calls[first:]))
    last = calls["ts_exit"][-1] if len(calls) else emitted_to
    return calls, max(emitted_to, last)


def loss(from_ns: int, to_ns: int, count: int) -> CallArray:
    """The two rows of a gap."""
    rows = np.zeros(2, dtype=CALL)
    rows["code"] = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)
    rows["ts_enter"] = rows["ts_exit"] = (from_ns, to_ns)
    rows["v"][:, 0] = count
    rows["v"][:, 1] = (to_ns, from_ns)
    rows["cpu"] = UNKNOWN_CPU
    rows["fd"] = -1
    return rows


@dataclass(slots=True)
class LineReader:
    """Lines -> rows, keeping count of what was lost or could not be read."""

    path: Path
    command_names: dict[int, str]
    offset: int = 0
    unreadable: int = 0
    first_unreadable: int = 0
    is_cut: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _rows: list[Row] = field(default_factory=list)
    _losses: list[CallArray] = field(default_factory=list)
    _lost_since: int = 0
    _previous_exit: int | None = None

    def read(self, file: BinaryIO) -> Iterator[CallArray]:
        for line in file:
            self.take(line)
            if len(self._rows) >= LINES_PER_BATCH:
                yield self.batch()
        self.end_gap(self._previous_exit or 0)
        yield self.batch()

    def take(self, line: bytes) -> None:
        """Read the next line, its end included unless it is cut off."""
        self._understand(line)
        self.offset += len(line)

    def end_gap(self, at_ns: int) -> None:
        """Place losses that no line followed: they end at `at_ns`."""
        if self._lost_since:
            since = at_ns if self._previous_exit is None else self._previous_exit
            self._losses.append(loss(min(since, at_ns), at_ns, self._lost_since))
            self._lost_since = 0

    def batch(self) -> CallArray:
        """The calls of the lines taken since the last batch, and the losses between them."""
        rows = np.array(self._rows, dtype=CALL)
        batch = np.concatenate((*self._losses, rows))
        self._rows, self._losses = [], []
        return batch

    def raise_if_damaged(self) -> None:
        if self.is_cut:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)

    def _understand(self, line: bytes) -> None:
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

    def _row(self, text: bytes) -> Row | None:
        call = parsed(text)
        if call is None:
            return None
        if call.tid not in self.command_names or call.code == CallCode.CREATE_VM:
            self.command_names[call.tid] = call.command.decode(errors="replace")
        self.counts[call.name.decode()] += 1
        return call.row

    def _place_losses(self, row: Row) -> None:
        t_enter, t_exit = row[0], row[1]
        if self._lost_since:
            before = t_enter if self._previous_exit is None else self._previous_exit
            self._losses.append(loss(min(before, t_enter), max(before, t_enter), self._lost_since))
            self._lost_since = 0
        self._previous_exit = t_exit
