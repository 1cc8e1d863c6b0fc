"""The rows of some partitions, gathered from segment after segment and encoded."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.store.codecs._arrow import Signed, join, read_batch, split, write_batch, zigzag
from app.store.codecs._byte_columns import ByteColumns, cut
from app.store.codecs._changes import HAS_NO_EVENT, IS_EXPLICIT
from app.store.codecs._events import decode_threads, effect_times
from app.store.codecs._partition_places import Meets, Places

SEQ_STEP, AHEAD_STEP = "seq_step", "ahead_step"
_EVENT_COLUMNS = (
    *("gfn", "npages", "latency_ns", "unchanged_pages", "errno", "address_low", "size_low"),
    *("kind", "to", "outcome", "cause", "cause_certainty", "range_certainty", "aux"),
)
"""Those that are the same in any order."""
_CHANGE_COLUMNS = "states", "mixed_delta", "gfn", "npages"


class SegmentBlobs(NamedTuple):
    """A segment as it is stored, and what its rows are counted from."""

    first_seq: int
    first_change: int
    first_t: int
    event_blob: bytes
    change_blob: bytes


class Partition(NamedTuple):
    """What lies within the gfns from its first to the first of the next one."""

    first_gfn: int
    events: int
    changes: int
    event_blob: bytes
    change_blob: bytes


Numbers = dict[str, npt.NDArray[Any]]
"""By what rows are reordered and counted: of events `place`, `t`, `seq` and `thread` (tid << 16 |
vcpu); of changes `place`, `t` (of explicit rows, since the first segment's; else 0), `number` and
`of_event` (among all that were gathered; -1 of none)."""


class Plan(NamedTuple):
    """How segments are partitioned: what all is counted from, the first gfn of each partition, of
    the last one GFN_LIMIT, and in how many a row may lie."""

    base: SegmentBlobs
    first_gfns: Sequence[int]
    most_copies: int


class _Copies(NamedTuple):
    """In which of the partitions rows lie, each as often as it meets one."""

    rows: Signed
    places: Signed
    first: Signed  # of each row, copied or not: the first of its places
    before: Signed  # and how many copies those before it have


class PartitionRows:
    """Those of partitions that follow each other."""

    def __init__(self, plan: Plan, numbers: range) -> None:
        self._plan = plan
        self._base = plan.base
        self._numbers = numbers
        self._events: list[Numbers] = []
        self._changes: list[Numbers] = []
        self._event_columns = ByteColumns(_EVENT_COLUMNS)
        self._change_columns = ByteColumns(_CHANGE_COLUMNS)
        self._gathered = 0

    def add(self, segment: SegmentBlobs, places: Places) -> None:
        """Take what meets these partitions."""
        batch = read_batch(segment.change_blob)
        of_event = np.cumsum(join(batch, "event_step").view(np.int64))
        has_event = join(batch, "states") & np.uint64(HAS_NO_EVENT) == 0
        is_wide, is_wide_change = (self._is_wide(meets) for meets in places)
        is_wide_change[has_event] |= is_wide[of_event[has_event]]
        events = self._copies(places.events, is_wide)
        changes = self._copies(places.changes, is_wide_change)
        self._add_events(segment, events)
        # The event of a change is the copy of it in the same partition.
        having = np.flatnonzero(has_event[changes.rows])
        index = of_event[changes.rows[having]]
        ranks = np.full(len(changes.rows), -1)
        ranks[having] = events.before[index] - events.first[index]
        ranks[having] += self._gathered + changes.places[having]
        self._add_changes(segment, batch, changes, ranks)
        self._gathered += len(events.rows)

    def _is_wide(self, meets: Meets) -> npt.NDArray[np.bool_]:
        return meets.last - meets.first >= self._plan.most_copies

    def _copies(self, meets: Meets, is_wide: npt.NDArray[np.bool_]) -> _Copies:
        none = len(self._plan.first_gfns) - 1
        first, last = (np.where(is_wide, none, number).astype(np.int64) for number in meets)
        first = np.maximum(first, self._numbers.start)
        counts = np.maximum(np.minimum(last + 1, self._numbers.stop) - first, 0)
        before = np.cumsum(counts) - counts
        rows = np.repeat(np.arange(len(counts)), counts)
        places = np.arange(len(rows)) - before[rows] + first[rows]
        return _Copies(rows, places, first, before)

    def _add_events(self, segment: SegmentBlobs, copies: _Copies) -> None:
        batch, rows = read_batch(segment.event_blob), copies.rows
        self._event_columns.add(batch, rows)
        index, threads = decode_threads(batch)
        self._events.append(
            {
                "place": copies.places.astype(np.uint16),
                "t": effect_times(batch, segment.first_t)[rows],
                "seq": rows + segment.first_seq,
                "thread": threads[index[rows]],
            }
        )

    def _add_changes(
        self, segment: SegmentBlobs, batch: pa.RecordBatch, copies: _Copies, of_event: Signed
    ) -> None:
        rows = copies.rows
        self._change_columns.add(batch, rows)
        is_explicit = join(batch, "states", rows) & np.uint64(IS_EXPLICIT) != 0
        since = np.uint64(segment.first_t - self._base.first_t)
        self._changes.append(
            {
                "place": copies.places.astype(np.uint16),
                "t": join(batch, "t", rows) + is_explicit * since,
                "number": rows + segment.first_change,
                "of_event": of_event,
            }
        )

    def encoded(self) -> Iterator[Partition]:
        events, event_order = _by_place(self._events)
        changes, change_order = _by_place(self._changes)
        changes["of_event"] = _after(event_order, changes["of_event"])
        planes = self._event_columns.reordered(event_order)
        change_planes = self._change_columns.reordered(change_order)
        del event_order, change_order
        of_events, of_changes = self._parts(events), self._parts(changes)
        for number, own, their in zip(self._numbers, of_events, of_changes, strict=True):
            changes["of_event"][their] -= own.start
            its_events, its_changes = _rows(events, own), _rows(changes, their)
            yield Partition(
                self._plan.first_gfns[number],
                own.stop - own.start,
                their.stop - their.start,
                write_batch(cut(planes, own) | self._of_events(its_events)),
                write_batch(cut(change_planes, their) | self._of_changes(its_changes, its_events)),
            )

    def _parts(self, ordered: Numbers) -> list[slice]:
        """The rows of each partition."""
        borders = range(self._numbers.start, self._numbers.stop + 1)
        bounds = np.searchsorted(ordered["place"], borders).tolist()
        return [slice(*pair) for pair in pairwise(bounds)]

    def _of_events(self, events: Numbers) -> dict[str, pa.Array]:
        columns = split("effect_step", np.diff(events["t"], prepend=self._base.first_t))
        columns |= split(SEQ_STEP, np.diff(events["seq"], prepend=self._base.first_seq))
        threads, index = np.unique(events["thread"], return_inverse=True)
        narrow = index.astype(np.uint8 if len(threads) <= 1 << 8 else np.int32)
        columns["thread"] = pa.DictionaryArray.from_arrays(pa.array(narrow), pa.array(threads))
        return columns

    def _of_changes(self, changes: Numbers, events: Numbers) -> dict[str, pa.Array]:
        """Of one partition. A row without an event takes that of the row before it."""
        index = np.maximum.accumulate(np.maximum(changes["of_event"], 0))
        ahead = changes["number"] - self._base.first_change
        ahead -= seqs_of(index, events["seq"] - self._base.first_seq)
        columns = split("event_step", np.diff(index, prepend=0))
        columns |= split("t", changes["t"])
        columns |= split(AHEAD_STEP, zigzag(np.diff(ahead, prepend=0)))
        return columns


def _by_place(parts: Sequence[Numbers]) -> tuple[Numbers, Signed]:
    """All rows in the order of their partitions, and that order."""
    order = np.argsort(np.concatenate([part["place"] for part in parts]), kind="stable")
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}, order


def _rows(numbers: Numbers, rows: slice) -> Numbers:
    return {name: column[rows] for name, column in numbers.items()}


def _after(order: Signed, index: Signed) -> Signed:
    """Where rows are after they were put in another order; less than 0 stays as it is."""
    places = np.empty(len(order) + 1, np.int64)
    places[order], places[-1] = np.arange(len(order)), -1
    return places[index]


def seqs_of(index: npt.NDArray[np.signedinteger], seqs: Signed) -> Signed:
    """Of changes, by their events; 0 if there are no events at all."""
    return seqs[index] if len(seqs) else np.zeros(len(index), np.int64)
