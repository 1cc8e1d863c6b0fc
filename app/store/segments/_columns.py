"""One segment as it is kept in memory: the columns that questions about time and place need, and
those that some filters ask for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.events import CHANGE, EVENT, ChangeArray, EventArray, Window
from app.model.raster import Counts
from app.model.stats import Columns, EventFilter, Mask, SlotLife, matching
from app.store.codecs import (
    EVERYWHERE,
    SOMEWHERE,
    EventRanges,
    RelativeChanges,
    SelectedChanges,
    Signed,
    check_changes,
    check_codes,
    check_ranges,
    check_times,
    decode_threads,
    effect_times,
    join,
    narrowed,
    places_of,
    read_batch,
    select_changes,
    tids_and_vcpus,
)
from app.store.segments._column_loops import (
    EventClasses,
    count_some_events,
    count_their_changes,
    select_events,
)

COLUMNS = ("effect_step", "gfn", "npages", *EventClasses._fields)


@dataclass(frozen=True)
class SegmentColumns:
    """The events' times, ranges and kinds, and the changes. About 40 bytes an event."""

    first_seq: int
    ranges: EventRanges
    classes: EventClasses
    changes: RelativeChanges

    @property
    def nbytes(self) -> int:
        columns = (*self.ranges, *self.classes)
        places = len(self.ranges.gfn)
        return sum(column.nbytes for column in columns) + places + self.changes.nbytes

    @cached_property
    def _places(self) -> npt.NDArray[np.uint8]:
        return places_of(self.classes.kind, self.classes.range_certainty)

    def changes_in(self, window: Window, first: int = 0) -> ChangeArray:
        """The changes from the first-th on that meet a window, in order."""
        return self.changes_and_rows_in(window, first)[0]

    def changes_and_rows_in(self, window: Window, first: int = 0) -> tuple[ChangeArray, Signed]:
        """As `changes_in`, and which rows they are."""
        size = len(self.changes.states)
        selected = SelectedChanges(np.empty(size, dtype=CHANGE), np.empty(size, np.int64))
        count = select_changes(selected, self.ranges, self.first_seq, self.changes, first, window)
        return selected.changes[:count], selected.rows[:count]

    def indices_in(self, window: Window) -> Signed:
        """Which events meet a window.

        Conversions of an unknown range and losses meet every gfn window: they may have changed
        it. Other events of an unknown range meet only windows of all gfns.
        """
        output = np.empty(len(self.ranges.gfn), dtype=np.int64)
        count = select_events(output, self.ranges, self._places, window)
        return output[:count]

    def narrowed(self, indices: Signed, where: EventFilter) -> Signed:
        """Those of these events that a filter wants, as far as these columns show."""
        if where.lives is not None:
            indices = indices[self._in_any_life(where.lives)[indices]]
        columns: Columns = {
            "gfn": self.ranges.gfn,
            "npages": self.ranges.npages,
            **self.classes._asdict(),
        }
        mask = matching(where, {name: column[indices] for name, column in columns.items()})
        return indices if mask is None else indices[mask]

    def _in_any_life(self, lives: Iterable[SlotLife]) -> npt.NDArray[np.bool_]:
        """Which events meet the range of a memslot while it was there."""
        effect_t, gfn, npages = self.ranges
        result = np.zeros(len(gfn), np.bool_)
        is_everywhere, is_somewhere = self._places == EVERYWHERE, self._places == SOMEWHERE
        end_gfn = gfn + np.maximum(npages, 1)
        for life in lives:
            first, end = np.searchsorted(effect_t, (life.from_t, life.to_t))
            then = slice(first, end)
            meets = (gfn[then] < life.end_gfn) & (end_gfn[then] > life.first_gfn)
            result[then] |= is_everywhere[then] | (meets & is_somewhere[then])
        return result

    def counted_in(self, window: Window) -> EventArray:
        """The events that meet a window with what counting them needs: t is the effect time,
        latency 0; of the other columns only range, kind, to and outcome are filled."""
        return self.counted_at(self.indices_in(window))

    def counted_at(self, indices: Signed) -> EventArray:
        """As `counted_in`, of these events."""
        events = np.zeros(len(indices), dtype=EVENT)
        events["t"] = self.ranges.effect_t[indices]
        events["gfn"] = self.ranges.gfn[indices]
        events["npages"] = self.ranges.npages[indices]
        for name, column in self.classes._asdict().items():
            events[name] = column[indices]
        return events

    def count(self, counts: Counts, t_edges: Signed, chosen: Signed) -> None:
        """Add some events, which ascend, to the counts of a timeline; no states."""
        count_some_events(counts, t_edges, chosen, self.ranges.effect_t, self.classes)
        is_chosen = np.zeros(len(self.ranges.gfn), np.bool_)
        is_chosen[chosen] = True
        count_their_changes(counts, t_edges, is_chosen, self.ranges, self.changes)


def decode_columns(
    event_blob: bytes, changes: RelativeChanges, first_seq: int, first_t: int
) -> SegmentColumns:
    """Raises ValueError if they are none that were stored."""
    return columns_in(read_batch(event_blob, COLUMNS), changes, first_seq, first_t)


def columns_in(
    batch: pa.RecordBatch, changes: RelativeChanges, first_seq: int, first_t: int
) -> SegmentColumns:
    """As `decode_columns`, of a batch with at least COLUMNS."""
    ranges = EventRanges(effect_times(batch, first_t), join(batch, "gfn"), join(batch, "npages"))
    columns = {name: narrowed(join(batch, name), np.uint8) for name in EventClasses._fields}
    classes = EventClasses(**columns)
    check_times(ranges.effect_t, first_t)
    check_ranges(classes.kind, ranges.gfn, ranges.npages)
    check_codes(columns)
    check_changes(changes, ranges)
    return SegmentColumns(first_seq, ranges, classes, changes)


@dataclass(frozen=True, slots=True)
class SegmentFacets:
    """Read where a filter asks for them only. About 4 bytes an event."""

    cause: npt.NDArray[np.uint8]
    errno: npt.NDArray[np.int16]
    thread: npt.NDArray[np.integer[Any]]  # index into tids and vcpus
    tids: npt.NDArray[np.int32]
    vcpus: npt.NDArray[np.int16]

    @property
    def nbytes(self) -> int:
        columns = (self.cause, self.errno, self.thread, self.tids, self.vcpus)
        return sum(column.nbytes for column in columns)

    def matching(self, where: EventFilter) -> Mask | None:
        """Which events match as far as these columns show; None: all do."""
        by_call = matching(where, {"cause": self.cause, "errno": self.errno})
        threads = matching(where, {"tid": self.tids, "vcpu": self.vcpus})
        if threads is None:
            return by_call
        by_thread: Mask = threads[self.thread]
        return by_thread if by_call is None else by_call & by_thread


def asks_for_facets(where: EventFilter) -> bool:
    asked = (where.causes, where.errnos, where.tids, where.vcpus)
    return any(values is not None for values in asked)


def decode_facets(event_blob: bytes) -> SegmentFacets:
    batch = read_batch(event_blob, ("cause", "errno", "thread"))
    thread, threads = decode_threads(batch)
    return SegmentFacets(
        join(batch, "cause").astype(np.uint8),
        join(batch, "errno").astype(np.int16),
        thread,
        *tids_and_vcpus(threads),
    )
