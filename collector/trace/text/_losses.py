"""Where a text trace reports that events were lost, found before it is read.

What a line marks is the end of a loss; it began with the last event before it on the same CPU.
"""

import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.compiled import hot_in_place
from collector.codes import RecordCode
from collector.records import RECORD, RecordArray
from collector.trace.text._header import MOST_CPUS, read_header
from collector.trace.text._tables import HEADER, Ints, Row, Rows, Text

_LOST = re.compile(
    rb"\[(\d{1,5})\]\s+(?:\S+\s+)??(\d{1,10})\.(\d{1,9}):"
    rb" PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)\s*$"
)
DROPPED = re.compile(rb"CPU:(\d{1,4}) \[(?:LOST )?(?:(\d{1,12}) )?EVENTS(?: DROPPED)?\]\s*$")
"""What trace-cmd and the tracing file `trace` print; some versions print no number."""
_BEFORE_ALL = 255
"""A LOSS_BEGIN's or LOSS_END's flags: it is older than all that is there."""
_MARKS = (b"PERF_RECORD_LOST", b" EVENTS]", b"EVENTS DROPPED]")
_UNKNOWN = -1
_AT_THE_END = 1 << 62
_TAIL_LINES = 1000
_TIME = re.compile(rb"\[\d{1,5}\]\s+(?:\S+\s+)??(\d{1,10})\.(\d{1,9}):")
UNKNOWN_CPU = 0xFFFF
_MOST_DIGITS = 12
_NEWLINE = 10
_PERF_RECORD = np.frombuffer(b"PERF_RECORD_", np.uint8)


@dataclass(frozen=True, slots=True)
class TextLoss:
    """Events lost on a CPU; begin_ns None: before its first event; count 0: unknown.

    `damaged_at`: where the line is if its number cannot be right.
    """

    begin_ns: int | None
    end_ns: int
    cpu: int
    count: int
    damaged_at: int | None = None


def find_losses(path: Path, overwritten: int = 0) -> list[TextLoss]:
    """Takes as long as looking for a word, and once as long as reading the lines if it is there.

    `overwritten`: how many events, older than all that a CPU has, are known to be lost.
    """
    if path.stat().st_size == 0:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        reported = _reported(content)
        if not reported and not overwritten:
            return []
        places = np.array([(at, cpu, end_ns) for at, cpu, end_ns, _ in reported], np.int64)
        text = np.frombuffer(content, np.uint8)
        begun, ended, _ = surroundings(text, places.reshape(-1, 3))
        all_have_begun = _all_have_begun(text) if overwritten else 0
        del text  # which would keep the file mapped
        last_ns = _last_time(content)
    losses = [
        _loss(begin_ns, last_ns if end_ns in (_UNKNOWN, _AT_THE_END) else end_ns, cpu, count, at)
        for (at, cpu, _, count), begin_ns, end_ns in zip(
            reported, begun.tolist(), ended.tolist(), strict=True
        )
    ]
    if overwritten:
        losses.append(TextLoss(None, all_have_begun, UNKNOWN_CPU, overwritten))
    return losses


def _all_have_begun(text: Text) -> int:
    """When the CPU whose events begin last has its first one."""
    first = np.full(MOST_CPUS, _UNKNOWN, np.int64)
    find_first_events(text, first, np.zeros(1, HEADER), _PERF_RECORD)
    return max(int(first.max()), 0)


def _last_time(content: mmap.mmap) -> int:
    """Of the last event: lines are in order of time."""
    end = len(content)
    for _ in range(_TAIL_LINES):
        begin = content.rfind(b"\n", 0, end) + 1
        line = content[begin:end]
        if b": PERF_RECORD_" not in line and (found := _TIME.search(line)) is not None:
            return _ns(found[1], found[2])
        if not begin:
            break
        end = begin - 1
    return 0


def _reported(content: mmap.mmap) -> list[tuple[int, int, int, int]]:
    """Of each line that reports a loss, in order: where it is, CPU, time if it has one, count."""
    found = {}
    for mark in _MARKS:
        at = content.find(mark)
        while at >= 0:
            begin, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
            end = len(content) if end < 0 else end
            reported = _of_line(content[begin:end])
            if reported is not None:
                found[begin] = reported
            at = content.find(mark, end)
    return [(at, *found[at]) for at in sorted(found)]


def _of_line(line: bytes) -> tuple[int, int, int] | None:
    lost, dropped = _LOST.search(line), DROPPED.match(line)
    if lost is not None:
        cpu, end_ns = int(lost[1]), _ns(lost[2], lost[3])
        if b"LOST_SAMPLES" in line:  # a sum, which perf record prints at its end
            end_ns = _AT_THE_END
        count = int(lost[4]) if len(lost[4]) <= _MOST_DIGITS else _UNKNOWN
    elif dropped is not None:
        cpu, end_ns, count = int(dropped[1]), _UNKNOWN, int(dropped[2] or 0)
    else:
        return None
    return (cpu, end_ns, count) if cpu < MOST_CPUS else None


def _loss(begin_ns: int, end_ns: int, cpu: int, count: int, at: int) -> TextLoss:
    begin = None if begin_ns == _UNKNOWN else begin_ns
    damaged_at = at if count == _UNKNOWN else None
    return TextLoss(begin, max(end_ns, begin or 0), cpu, max(count, 0), damaged_at)


def _ns(seconds: bytes, fraction: bytes) -> int:
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0"))


class LossTables(NamedTuple):
    """What is found of the lines that report losses, in order."""

    places: Ints  # [losses], where the line is
    cpus: Ints  # [losses]
    begun: Ints  # [losses], the last event before it on its CPU; -1: none
    ended: Ints  # [losses], -1: as the next event
    others: Ints  # [losses], the loss that waits for the same event; -1: none
    newest: Ints  # [MOST_CPUS], the last event's time
    waiting: Ints  # [MOST_CPUS], the latest loss that waits for the next event
    header: Rows  # [1] HEADER


def surroundings(text: Text, places: Ints) -> tuple[Ints, Ints, int]:
    """When the last event before each loss was on its CPU, and the first after it.

    places: int64[n, 3] in order: where a line reports a loss, its CPU, when it ended (-1: as the
    next event). Returns (times before, -1 if there is none; times after; how many lines it took).
    """
    at, cpus, ended = np.ascontiguousarray(places.T)
    tables = LossTables(
        places=at,
        cpus=cpus,
        begun=np.full(len(places), _UNKNOWN, np.int64),
        ended=ended,
        others=np.full(len(places), _UNKNOWN, np.int64),
        newest=np.full(MOST_CPUS, _UNKNOWN, np.int64),
        waiting=np.full(MOST_CPUS, _UNKNOWN, np.int64),
        header=np.zeros(1, HEADER),
    )
    lines = find_surroundings(tables, text, _PERF_RECORD)
    return tables.begun, tables.ended, int(lines)


@hot_in_place
def find_surroundings(tables: LossTables, text: Text, perf_record: Text) -> int:
    """Walk through the lines once; returns how many there were."""
    at, loss, lines, header = 0, 0, 0, tables.header[0]
    while at < len(text):
        end = at
        while end < len(text) and text[end] != _NEWLINE:
            end += 1
        if loss < len(tables.places) and tables.places[loss] == at:
            meet_loss(tables, loss)
            loss += 1
        elif end > at and is_event(text, at, end, header, perf_record):
            end_losses(tables, header.cpu, header.ts)
        lines += 1
        at = end + 1
    return lines


@hot_in_place
def meet_loss(tables: LossTables, loss: int) -> None:
    cpu = tables.cpus[loss]
    tables.begun[loss] = tables.newest[cpu]
    if tables.ended[loss] < 0:
        tables.others[loss], tables.waiting[cpu] = tables.waiting[cpu], loss


@hot_in_place
def end_losses(tables: LossTables, cpu: int, ts: int) -> None:
    """An event came on a CPU."""
    tables.newest[cpu] = ts
    loss = tables.waiting[cpu]
    while loss >= 0:
        tables.ended[loss] = ts
        loss = tables.others[loss]
    tables.waiting[cpu] = _UNKNOWN


@hot_in_place
def find_first_events(text: Text, first: Ints, headers: Rows, perf_record: Text) -> None:
    """first[cpu]: the time of its first event."""
    at, header = 0, headers[0]
    while at < len(text):
        end = at
        while end < len(text) and text[end] != _NEWLINE:
            end += 1
        if end > at and is_event(text, at, end, header, perf_record) and first[header.cpu] < 0:
            first[header.cpu] = header.ts
        at = end + 1


@hot_in_place
def is_event(text: Text, at: int, end: int, header: Row, perf_record: Text) -> bool:
    """Whether the line is an event, and not one of perf's own."""
    if not read_header(text, at, end, header):
        return False
    name, i = header.rest, 0
    while i < len(perf_record) and name + i < end and text[name + i] == perf_record[i]:
        i += 1
    return i < len(perf_record)


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
