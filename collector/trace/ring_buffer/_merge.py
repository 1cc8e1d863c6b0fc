"""The streams of all CPUs merged into batches in time order, in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part
from collector.codes import RecordCode
from collector.records import RECORD, SIGNED_RECORD, RecordArray
from collector.trace.ring_buffer._cpu_stream import CpuStream
from collector.trace.ring_buffer._tables import Ints, Rows, empty_rows

BATCH_ROWS = 1 << 15

_ALL_DONE = -1
_BATCH_FULL = -2


@dataclass(frozen=True, slots=True)
class UnplacedLoss:
    """Events that a CPU lost at a time that is not known."""

    cpu: int
    count: int


def merge(
    streams: Sequence[CpuStream], start_ts: int, unplaced: Sequence[UnplacedLoss] = ()
) -> Iterator[RecordArray]:
    """Yield RECORD batches in order of `ts`; rows of equal time keep the order of the streams.

    A gap before a CPU's first event begins at `start_ts`, one after its last event ends with the
    recording; an unplaced loss lasts from start to end. Of each stream one batch is held at a
    time: whichever runs dry is read on.
    """
    lanes = _Lanes(streams)
    for lane in range(len(streams)):
        lanes.refill(lane)
    opening = _opening_losses(lanes, start_ts, unplaced)
    if len(opening):
        yield opening
    last_ts = start_ts
    for batch in lanes.batches():
        last_ts = int(batch["ts"][-1])
        yield batch
    closing = _closing_losses(streams, start_ts, last_ts, unplaced)
    if len(closing):
        yield closing


class LaneTables(NamedTuple):
    """What merging works on. From `heads` to `tails`, the rows of a lane are still to be merged."""

    rows: Rows  # [lanes, most rows] SIGNED_RECORD
    heads: Ints  # [lanes]
    tails: Ints  # [lanes]
    is_over: npt.NDArray[np.uint8]  # [lanes]
    heap: Ints  # [lanes + 1], lanes by the time of their heads


class _Lanes:
    """One lane of rows for each stream."""

    def __init__(self, streams: Sequence[CpuStream]) -> None:
        self.streams = streams
        capacity = max((stream.most_rows for stream in streams), default=0) + 1
        self.tables = LaneTables(
            rows=np.empty((len(streams), capacity), SIGNED_RECORD),
            heads=np.zeros(len(streams), np.int64),
            tails=np.zeros(len(streams), np.int64),
            is_over=np.zeros(len(streams), np.uint8),
            heap=np.zeros(len(streams) + 1, np.int64),
        )

    def refill(self, lane: int) -> None:
        """Decode on until an empty lane has a row, or its stream is over."""
        stream, tables, count = self.streams[lane], self.tables, 0
        while count == 0 and not stream.is_over:
            count = stream.next_batch(tables.rows[lane])
        if stream.is_over and not tables.is_over[lane]:
            tables.is_over[lane] = 1
            if stream.has_open_gap and stream.has_events:
                end = loss_row(stream.reached, RecordCode.LOSS_BEGIN, stream.cpu, 0, 0)
                tables.rows[lane, count] = end.view(SIGNED_RECORD)[0]
                count += 1
        tables.heads[lane], tables.tails[lane] = 0, count

    def batches(self) -> Iterator[RecordArray]:
        batch, count = empty_rows(BATCH_ROWS), 0
        lane = _BATCH_FULL
        while lane != _ALL_DONE:
            count, lane = merge_rows(self.tables, batch, count)
            if lane >= 0:
                self.refill(lane)
            elif count:
                yield batch[:count].view(RECORD)
                batch, count = empty_rows(BATCH_ROWS), 0


@hot_in_place
def merge_rows(lanes: LaneTables, batch: Rows, count: int) -> tuple[int, int]:
    """Move the earliest rows of all lanes into `batch` from `count` on.

    Returns (rows in the batch, the lane that ran dry, or _BATCH_FULL, or _ALL_DONE).
    """
    size = 0
    for lane in range(len(lanes.heads)):
        if lanes.heads[lane] < lanes.tails[lane]:
            lanes.heap[size] = lane
            size += 1
        elif lanes.is_over[lane] == 0:
            return count, lane
    for at in range(size // 2 - 1, -1, -1):
        _sift_down(lanes, size, at)
    while size > 0:
        lane = lanes.heap[0]
        head = lanes.heads[lane]
        if count == len(batch):
            return count, _BATCH_FULL
        batch[count] = lanes.rows[lane, head]
        count += 1
        lanes.heads[lane] = head + 1
        if head + 1 == lanes.tails[lane]:
            if lanes.is_over[lane] == 0:
                return count, lane
            size -= 1
            lanes.heap[0] = lanes.heap[size]
        _sift_down(lanes, size, 0)
    return count, _ALL_DONE


@hot_part
def _sift_down(lanes: LaneTables, size: int, at: int) -> None:
    """Let the lane at `at` sink until no lane below it in the heap is earlier."""
    heap = lanes.heap
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _is_before(lanes, heap[child + 1], heap[child]):
            child += 1
        if not _is_before(lanes, heap[child], heap[at]):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@hot_part
def _is_before(lanes: LaneTables, lane: int, other: int) -> bool:
    ts = lanes.rows[lane, lanes.heads[lane]].ts
    other_ts = lanes.rows[other, lanes.heads[other]].ts
    return bool(ts < other_ts or (ts == other_ts and lane < other))


def _opening_losses(lanes: _Lanes, start_ts: int, unplaced: Sequence[UnplacedLoss]) -> RecordArray:
    """Begin the losses that lie before a CPU's first event; end them where they began."""
    losses = [loss_row(start_ts, RecordCode.LOSS_BEGIN, u.cpu, u.count, 0) for u in unplaced]
    for lane, stream in enumerate(lanes.streams):
        if not stream.has_events and stream.has_open_gap:
            losses.append(loss_row(start_ts, RecordCode.LOSS_BEGIN, stream.cpu, 0, 0))
        elif lanes.tables.tails[lane]:
            first = lanes.tables.rows[lane, 0]
            if first["code"] == RecordCode.LOSS_END:
                count, ts = int(first["v"][0]), int(first["ts"])
                losses.append(loss_row(start_ts, RecordCode.LOSS_BEGIN, stream.cpu, count, ts))
                first["v"][1] = start_ts
    return np.concatenate([np.empty(0, RECORD), *losses])


def _closing_losses(
    streams: Sequence[CpuStream], start_ts: int, last_ts: int, unplaced: Sequence[UnplacedLoss]
) -> RecordArray:
    """End the losses that last to the end of the recording."""
    losses = [np.empty(0, RECORD)]
    for stream in streams:
        if stream.has_open_gap:
            before = stream.reached if stream.has_events else start_ts
            losses.append(loss_row(last_ts, RecordCode.LOSS_END, stream.cpu, 0, before))
    losses += [loss_row(last_ts, RecordCode.LOSS_END, u.cpu, u.count, start_ts) for u in unplaced]
    return np.concatenate(losses)


def loss_row(ts: int, code: RecordCode, cpu: int, count: int, other: int) -> RecordArray:
    row = np.zeros(1, RECORD)
    row["ts"], row["code"], row["cpu"] = ts, code, cpu
    row["v"][0, :2] = count, other
    return row
