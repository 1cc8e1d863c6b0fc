"""Events and changes of many segments by gfn: the same byte columns in another order.

A partition holds what meets its gfns; the last one what reaches across too many borders or may
concern any page. Changes go with their event. All keep the order of effect, so that the blobs of a
partition are those of a segment (`_events`, `_changes`) with one column more each: `seq_step`, from
one event's number to the next, and `ahead_step`, by how much the number of a change grew faster
than that of its event.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from app.model.guest import GFN_LIMIT
from app.store.codecs._arrow import Signed, join, read_batch, split, unzigzag, write_batch
from app.store.codecs._changes import (
    EventRanges,
    RelativeChanges,
    decode_changes,
    relative_changes,
)
from app.store.codecs._events import effect_times
from app.store.codecs._partition_places import (
    Places,
    choose_borders,
    most_copies,
    places_of_rows,
)
from app.store.codecs._partition_rows import (
    AHEAD_STEP,
    SEQ_STEP,
    Partition,
    PartitionRows,
    Plan,
    SegmentBlobs,
    seqs_of,
)
from app.store.codecs._places import SOMEWHERE, places_of

ROWS_AT_ONCE = 1 << 19
"""Events and changes that are held at a time, about 40 bytes each. All segments are read once more
for each such part."""
SAMPLED_SEGMENTS = 4
SAMPLE_STEP = 16
"""One event in so many, of so many segments, shows how all are spread."""


class Directory(NamedTuple):
    """Of each partition its first gfn and how many rows it has. The last one is of what lies within
    none."""

    first_gfn: Signed
    events: Signed
    changes: Signed

    def meeting(self, first_gfn: int, end_gfn: int) -> Signed:
        """The numbers of partitions that hold what meets these gfns."""
        first, end = np.searchsorted(self.first_gfn[:-1], (first_gfn, end_gfn), side="right")
        # A range of no pages is looked for where it would be.
        near = np.arange(max(first - 1, 0), max(end, first))
        found = np.append(near, len(self.events) - 1)
        held: Signed = found[self.rows(found) > 0]
        return held

    def rows(self, numbers: Signed) -> Signed:
        rows: Signed = (self.events + self.changes)[numbers]
        return rows


class PartitionedChanges(NamedTuple):
    """The changes of a partition as of a segment, and the number of each in its VM."""

    relative: RelativeChanges
    number: Signed


def partitioned(
    count: int, events: int, segment: Callable[[int], SegmentBlobs]
) -> Iterator[Partition]:
    """The partitions of consecutive segments, ascending, and behind them what lies within none.
    Their blobs count from what the first segment's do.

    `segment` reads one of them, more than once. Raises ValueError if a blob is none.
    """
    chosen = range(0, count, -(-count // SAMPLED_SEGMENTS))
    sample = np.concatenate([_sample(segment(i)) for i in chosen])
    borders = choose_borders(sample, events)
    places = [_places(segment(i), borders) for i in range(count)]
    plan = Plan(segment(0), [*borders.tolist(), GFN_LIMIT], most_copies(places))
    for numbers in _at_once(places, len(plan.first_gfns)):
        rows = PartitionRows(plan, numbers)
        for i, its_places in enumerate(places):
            rows.add(segment(i), its_places)
        yield from rows.encoded()


def _sample(segment: SegmentBlobs) -> Signed:
    batch = read_batch(segment.event_blob, ("gfn", "kind", "range_certainty"))
    rows = np.arange(0, batch.num_rows, SAMPLE_STEP)
    codes = (join(batch, name, rows).astype(np.uint8) for name in ("kind", "range_certainty"))
    gfns: Signed = join(batch, "gfn", rows)[places_of(*codes) == SOMEWHERE].view(np.int64)
    return gfns


def _places(segment: SegmentBlobs, borders: Signed) -> Places:
    names = "effect_step", "gfn", "npages", "kind", "range_certainty"
    batch = read_batch(segment.event_blob, names)
    kind, certainty = (join(batch, name).astype(np.uint8) for name in names[3:])
    times = effect_times(batch, segment.first_t)
    ranges = EventRanges(times, join(batch, "gfn"), join(batch, "npages"))
    changes = decode_changes(segment.change_blob, segment.first_t)
    return places_of_rows(borders, places_of(kind, certainty), ranges, changes)


def _at_once(places: Sequence[Places], partitions: int) -> Iterator[range]:
    """Which partitions are made together: as many as fit."""
    rows = np.sum([meets.counts(partitions) for both in places for meets in both], axis=0)
    first, held = 0, 0
    for number, own in enumerate(rows.tolist()):
        if held and held + own > ROWS_AT_ONCE:
            yield range(first, number)
            first, held = number, 0
        held += own
    yield range(first, partitions)


def encode_directory(partitions: Sequence[tuple[int, int, int]]) -> bytes:
    """Of their first gfns, events and changes."""
    columns = np.array(partitions, np.int64).reshape(-1, len(Directory._fields)).T
    split_columns: dict[str, pa.Array] = {}
    for name, column in zip(Directory._fields, columns, strict=True):
        split_columns |= split(name, column.view(np.uint64))
    return write_batch(split_columns)


def decode_directory(blob: bytes, partitions: int) -> Directory:
    """Raises ValueError if it is none of so many."""
    batch = read_batch(blob)
    found = Directory(*(join(batch, name).view(np.int64) for name in Directory._fields))
    first_gfns = found.first_gfn
    if len(first_gfns) != partitions or partitions < 2 or first_gfns[0] != 0:
        raise ValueError("a directory of other partitions")
    if (np.diff(first_gfns) <= 0).any() or min(map(np.min, found)) < 0:
        raise ValueError("partitions do not ascend")
    return found


def seqs_in(batch: pa.RecordBatch, first_seq: int) -> Signed:
    """The numbers of a partition's events. Raises ValueError unless they ascend."""
    steps = join(batch, SEQ_STEP).view(np.int64)
    if len(steps) and (steps[0] < 0 or steps[1:].min(initial=1) < 1):
        raise ValueError("the numbers of events do not ascend")
    seqs: Signed = np.cumsum(steps) + first_seq
    return seqs


def decode_partitioned(
    change_blob: bytes, seqs: Signed, counted_from: tuple[int, int, int]
) -> PartitionedChanges:
    """`seqs`: of the partition's events; `counted_from`: the first segment's first_seq,
    first_change and first_t. Raises ValueError if they are none that were stored."""
    first_seq, first_change, first_t = counted_from
    batch = read_batch(change_blob)
    relative = relative_changes(partial(join, batch), first_t)
    index = relative.of_event
    if len(index) and (index.min() < 0 or index.max() >= max(1, len(seqs))):
        raise ValueError("a change is of no event")
    ahead = np.cumsum(unzigzag(join(batch, AHEAD_STEP))) + first_change
    return PartitionedChanges(relative, ahead + seqs_of(index, seqs - first_seq))
