"""Where a text trace says that events were lost, found before it is read.

What a line tells of a loss is its end; it began with the last event before it on the same CPU.
"""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector.records import RECORD, RecordArray, RecordCode

_HEADER = re.compile(rb"\[(\d{1,5})\]\s+(?:\S+\s+)??(\d{1,10})\.(\d{1,9}):")
_LOST = re.compile(rb"\]\s+(?:\S+\s+)??[\d.]+: PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)\s*$")
_DROPPED = re.compile(rb"^CPU:(\d+) \[(?:LOST )?(\d*) ?EVENTS(?: DROPPED)?\]\s*$")
_BEFORE_ALL = 255
"""A LOSS_BEGIN's or LOSS_END's flags: it is older than all that is there."""
_MARKS = (b"PERF_RECORD_LOST", b" EVENTS]", b"EVENTS DROPPED]")


@dataclass(frozen=True, slots=True)
class TextLoss:
    """Events lost on a CPU; begin_ns None: before its first event; count 0: unknown."""

    begin_ns: int | None
    end_ns: int
    cpu: int
    count: int


def find_losses(path: Path) -> list[TextLoss]:
    if path.stat().st_size == 0:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return list(_losses(text))


def _losses(text: mmap.mmap) -> Iterator[TextLoss]:
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
            end = len(text) if end < 0 else end
            loss = _loss_of(text, begin, text[begin:end])
            if loss is not None:
                yield loss
            at = text.find(mark, end)


def _loss_of(text: mmap.mmap, at: int, line: bytes) -> TextLoss | None:
    """What the line at `at` tells of a loss, if it does."""
    lost, dropped = _LOST.search(line), _DROPPED.match(line)
    if lost is not None and (header := _HEADER.search(line)) is not None:
        cpu, end_ns, count = int(header[1]), _ns(header), int(lost[1])
    elif dropped is not None:
        cpu, count = int(dropped[1]), int(dropped[2] or 0)
        following = _event_after(text, at + len(line), cpu)
        end_ns = -1 if following is None else following
    else:
        return None
    begin_ns = _event_before(text, at, cpu)
    if end_ns < 0:  # nothing came after it on that CPU
        end_ns = begin_ns or 0
    return TextLoss(begin_ns, max(end_ns, begin_ns or 0), cpu, count)


def _event_before(text: mmap.mmap, at: int, cpu: int) -> int | None:
    mark = b"[%03d] " % cpu
    while (at := text.rfind(mark, 0, at)) >= 0:
        begin = text.rfind(b"\n", 0, at) + 1
        found = _time_of(text, begin, cpu)
        if found is not None:
            return found
    return None


def _event_after(text: mmap.mmap, at: int, cpu: int) -> int | None:
    mark = b"[%03d] " % cpu
    while (at := text.find(mark, at)) >= 0:
        found = _time_of(text, text.rfind(b"\n", 0, at) + 1, cpu)
        if found is not None:
            return found
        at += len(mark)
    return None


def _time_of(text: mmap.mmap, begin: int, cpu: int) -> int | None:
    """The time of the line at `begin`, if it is an event of that CPU."""
    end = text.find(b"\n", begin)
    line = text[begin : len(text) if end < 0 else end]
    header = _HEADER.search(line)
    if header is None or int(header[1]) != cpu or b": PERF_RECORD_" in line:
        return None
    return _ns(header)


def _ns(header: re.Match[bytes]) -> int:
    return int(header[2]) * 1_000_000_000 + int(header[3].ljust(9, b"0"))


def loss_rows(losses: list[TextLoss], start_ns: int) -> RecordArray:
    """LOSS_BEGIN and LOSS_END records, in order of time."""
    rows = np.zeros(2 * len(losses), RECORD)
    for i, loss in enumerate(losses):
        end = max(loss.end_ns, start_ns)
        begin = start_ns if loss.begin_ns is None else max(loss.begin_ns, start_ns)
        both = rows[2 * i : 2 * i + 2]
        fill_gap(both, begin, end, loss.count, loss.cpu)
        if loss.begin_ns is None:
            both["flags"] = np.where(both["ts"] == start_ns, _BEFORE_ALL, 0)
    return in_order(rows)


def gap(begin_ns: int, end_ns: int, count: int, cpu: int) -> RecordArray:
    rows = np.zeros(2, RECORD)
    fill_gap(rows, begin_ns, end_ns, count, cpu)
    return rows


def fill_gap(rows: RecordArray, begin_ns: int, end_ns: int, count: int, cpu: int) -> None:
    rows["ts"] = (begin_ns, end_ns)
    rows["code"] = (RecordCode.LOSS_BEGIN, RecordCode.LOSS_END)
    rows["cpu"] = cpu
    rows["v"][:, 0] = count
    rows["v"][:, 1] = (end_ns, begin_ns)


def in_order(records: RecordArray) -> RecordArray:
    """Sorted by time. A gap begins after what happened at the same instant and ends before it; one
    with which a CPU's events begin comes before all."""
    is_begin = records["code"] == RecordCode.LOSS_BEGIN
    is_end = records["code"] == RecordCode.LOSS_END
    is_empty = is_end & (records["v"][:, 1] == records["ts"])
    rank = np.where(is_begin | is_empty, 2, np.where(is_end, 0, 1))
    rank[(is_begin | is_end) & (records["flags"] == _BEFORE_ALL)] = -1
    ordered: RecordArray = records[np.lexsort((rank, records["ts"]))]
    return ordered
