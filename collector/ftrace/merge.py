"""The streams of all CPUs merged into batches in time order, in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from collector.ftrace.cpustream import CpuStream
from collector.records import RECORD, RecordArray, RecordCode


@dataclass(frozen=True, slots=True)
class UnplacedLoss:
    """Events that a CPU lost at a time which nothing tells."""

    cpu: int
    count: int


class _Lane:
    """A stream and those of its rows that cannot be let go yet."""

    def __init__(self, stream: CpuStream) -> None:
        self.stream = stream
        self.rows: RecordArray = np.empty(0, RECORD)

    def refill(self) -> None:
        parts = [self.rows, self.stream.next_batch()]
        if self.stream.is_over and self.stream.has_open_gap and self.stream.has_events:
            last = self.stream.reached
            parts.append(_loss(last, RecordCode.LOSS_BEGIN, self.stream.cpu, 0, 0))
        self.rows = np.concatenate(parts)

    def release(self, horizon: int) -> RecordArray:
        """Take out the rows before `horizon`."""
        count = int(np.searchsorted(self.rows["ts"], np.uint64(horizon)))
        released, self.rows = self.rows[:count], self.rows[count:]
        return released


def merge(
    streams: Sequence[CpuStream], start_ts: int, unplaced: Sequence[UnplacedLoss] = ()
) -> Iterator[RecordArray]:
    """Yield RECORD batches in order of `ts`; rows of equal time keep the order of the streams.

    A gap before a CPU's first event begins at `start_ts`, one after its last event ends with the
    recording; an unplaced loss lasts from start to end. Of each stream only about one batch is
    held: the one that has come least far is read on, and all before that time can be let go.
    """
    lanes = [_Lane(stream) for stream in streams]
    for lane in lanes:
        while not lane.stream.is_over and not lane.stream.has_events:
            lane.refill()
    last_ts = start_ts
    for batch in _batches(lanes, start_ts, unplaced):
        if len(batch):
            last_ts = int(batch["ts"][-1])
            yield batch
    closing = _closing_losses(lanes, start_ts, last_ts, unplaced)
    if len(closing):
        yield closing


def _batches(
    lanes: list[_Lane], start_ts: int, unplaced: Sequence[UnplacedLoss]
) -> Iterator[RecordArray]:
    yield _opening_losses(lanes, start_ts, unplaced)
    while running := [lane for lane in lanes if not lane.stream.is_over]:
        horizon = min(lane.stream.reached for lane in running)
        yield _in_order([lane.release(horizon) for lane in lanes])
        for lane in running:
            if lane.stream.reached == horizon:
                lane.refill()
    yield _in_order([lane.rows for lane in lanes])


def _in_order(parts: list[RecordArray]) -> RecordArray:
    filled = [part for part in parts if len(part)]
    if len(filled) == 1:
        return filled[0]
    rows = np.concatenate([np.empty(0, RECORD), *filled])
    return rows[np.argsort(rows["ts"], kind="stable")]


def _opening_losses(
    lanes: list[_Lane], start_ts: int, unplaced: Sequence[UnplacedLoss]
) -> RecordArray:
    losses = [_loss(start_ts, RecordCode.LOSS_BEGIN, u.cpu, u.count, 0) for u in unplaced]
    for lane in lanes:
        cpu = lane.stream.cpu
        if not lane.stream.has_events and lane.stream.has_open_gap:
            losses.append(_loss(start_ts, RecordCode.LOSS_BEGIN, cpu, 0, 0))
            continue
        ends = lane.rows[lane.rows["code"] == RecordCode.LOSS_END]
        for end in ends[ends["v"][:, 1] == 0]:
            count = int(end["v"][0])
            losses.append(_loss(start_ts, RecordCode.LOSS_BEGIN, cpu, count, int(end["ts"])))
            end["v"][1] = start_ts
    return np.concatenate([np.empty(0, RECORD), *losses])


def _closing_losses(
    lanes: list[_Lane], start_ts: int, last_ts: int, unplaced: Sequence[UnplacedLoss]
) -> RecordArray:
    losses = [np.empty(0, RECORD)]
    for lane in lanes:
        if lane.stream.has_open_gap:
            before = lane.stream.reached if lane.stream.has_events else start_ts
            losses.append(_loss(last_ts, RecordCode.LOSS_END, lane.stream.cpu, 0, before))
    for loss in unplaced:
        losses.append(_loss(last_ts, RecordCode.LOSS_END, loss.cpu, loss.count, start_ts))
    return np.concatenate(losses)


def _loss(ts: int, code: RecordCode, cpu: int, count: int, other: int) -> RecordArray:
    row = np.zeros(1, RECORD)
    row["ts"], row["code"], row["cpu"] = ts, code, cpu
    row["v"][0, :2] = count, other
    return row
