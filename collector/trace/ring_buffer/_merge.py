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
    queues = _Queues(streams)
    for queue in range(len(streams)):
        queues.refill(queue)
    opening = _opening_losses(queues, start_ts, unplaced)
    if len(opening):
        yield opening
    last_ts = start_ts
    for batch in queues.batches():
        last_ts = int(batch["ts"][-1])
        yield batch
    closing = _closing_losses(streams, start_ts, last_ts, unplaced)
    if len(closing):
        yield closing


class QueueTables(NamedTuple):
    """What merging works on. From `heads` to `tails`, a queue has rows that are still to be
    merged."""

    rows: Rows  # [queues, most rows] SIGNED_RECORD
    heads: Ints  # [queues]
    tails: Ints  # [queues]
    is_over: npt.NDArray[np.uint8]  # [queues]
    heap: Ints  # [queues + 1], queues by the time of their heads


class _Queues:
    """One queue of rows for each stream."""

    def __init__(self, streams: Sequence[CpuStream]) -> None:
        self.streams = streams
        capacity = max((stream.most_rows for stream in streams), default=0) + 1
        self.tables = QueueTables(
            rows=np.empty((len(streams), capacity), SIGNED_RECORD),
            heads=np.zeros(len(streams), np.int64),
            tails=np.zeros(len(streams), np.int64),
            is_over=np.zeros(len(streams), np.uint8),
            heap=np.zeros(len(streams) + 1, np.int64),
        )

    def refill(self, queue: int) -> None:
        """Decode on until an empty queue has a row, or its stream is over."""
        stream, tables, count = self.streams[queue], self.tables, 0
        while count == 0 and not stream.is_over:
            count = stream.next_batch(tables.rows[queue])
        if stream.is_over and not tables.is_over[queue]:
            tables.is_over[queue] = 1
            if stream.has_open_gap and stream.has_events:
                end = loss_row(stream.reached, RecordCode.LOSS_BEGIN, stream.cpu, 0, 0)
                tables.rows[queue, count] = end.view(SIGNED_RECORD)[0]
                count += 1
        tables.heads[queue], tables.tails[queue] = 0, count

    def batches(self) -> Iterator[RecordArray]:
        batch, count = empty_rows(BATCH_ROWS), 0
        queue = _BATCH_FULL
        while queue != _ALL_DONE:
            count, queue = merge_rows(self.tables, batch, count)
            if queue >= 0:
                self.refill(queue)
            elif count:
                yield batch[:count].view(RECORD)
                batch, count = empty_rows(BATCH_ROWS), 0


@hot_in_place
def merge_rows(queues: QueueTables, batch: Rows, count: int) -> tuple[int, int]:
    """Move the earliest rows of all queues into `batch` from `count` on.

    Returns (rows in the batch, the queue that ran dry, or _BATCH_FULL, or _ALL_DONE).
    """
    size = 0
    for queue in range(len(queues.heads)):
        if queues.heads[queue] < queues.tails[queue]:
            queues.heap[size] = queue
            size += 1
        elif queues.is_over[queue] == 0:
            return count, queue
    for at in range(size // 2 - 1, -1, -1):
        _sift_down(queues, size, at)
    while size > 0:
        queue = queues.heap[0]
        head = queues.heads[queue]
        if count == len(batch):
            return count, _BATCH_FULL
        batch[count] = queues.rows[queue, head]
        count += 1
        queues.heads[queue] = head + 1
        if head + 1 == queues.tails[queue]:
            if queues.is_over[queue] == 0:
                return count, queue
            size -= 1
            queues.heap[0] = queues.heap[size]
        _sift_down(queues, size, 0)
    return count, _ALL_DONE


@hot_part
def _sift_down(queues: QueueTables, size: int, at: int) -> None:
    """Let the queue at `at` sink until no queue below it in the heap is earlier."""
    heap = queues.heap
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _is_before(queues, heap[child + 1], heap[child]):
            child += 1
        if not _is_before(queues, heap[child], heap[at]):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


@hot_part
def _is_before(queues: QueueTables, queue: int, other: int) -> bool:
    ts = queues.rows[queue, queues.heads[queue]].ts
    other_ts = queues.rows[other, queues.heads[other]].ts
    return bool(ts < other_ts or (ts == other_ts and queue < other))


def _opening_losses(
    queues: _Queues, start_ts: int, unplaced: Sequence[UnplacedLoss]
) -> RecordArray:
    """Begin the losses that lie before a CPU's first event; end them where they began."""
    losses = [loss_row(start_ts, RecordCode.LOSS_BEGIN, u.cpu, u.count, 0) for u in unplaced]
    for queue, stream in enumerate(queues.streams):
        if not stream.has_events and stream.has_open_gap:
            losses.append(loss_row(start_ts, RecordCode.LOSS_BEGIN, stream.cpu, 0, 0))
        elif queues.tables.tails[queue]:
            first = queues.tables.rows[queue, 0]
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
