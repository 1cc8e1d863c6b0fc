"""What happened over time: calls and pages per column, and the state at the end of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.events import ChangeArray, EventArray
from app.model.guest import Certainty, EventKind, Outcome, PageState, To, Totals
from app.model.pagemap import effect
from app.model.raster._raster_sums import Times, column_near

FIELDS = (
    "to_private",
    "to_shared",
    "to_unknown",
    "failed",
    "unconfirmed",
    "noop",
    "uncertain",
    "doubts",
    "unplaced",
    "page_faults",
    "private_faults",
    "hypercalls",
    "memory_faults",
    "pages_to_private",
    "pages_to_shared",
    "private",
    "shared",
    "unknown",
    "mixed_2m",
)
(
    TO_PRIVATE,
    TO_SHARED,
    TO_UNKNOWN,
    FAILED,
    UNCONFIRMED,
    NOOP,
    UNCERTAIN,
    DOUBTS,
    UNPLACED,
    PAGE_FAULTS,
    PRIVATE_FAULTS,
    HYPERCALLS,
    MEMORY_FAULTS,
    PAGES_TO_PRIVATE,
    PAGES_TO_SHARED,
    PRIVATE,
    SHARED,
    UNKNOWN,
    MIXED,
) = range(len(FIELDS))
"""Columns of `Counts`. From PRIVATE on they are by how much the state grew."""

FIELD_OF_STATE = np.array([SHARED, PRIVATE, UNKNOWN], np.int64)
"""By PageState."""

ZERO = constant(0)

Counts = npt.NDArray[np.int64]
"""[columns, FIELDS]."""


class EventClass(NamedTuple):
    """What distinguishes events that are counted."""

    kind: int  # EventKind
    to: int  # To
    outcome: int  # Outcome
    range_certainty: int  # Certainty


@dataclass(frozen=True, slots=True)
class Timeline:
    """[W] each. Columns are half-open, by effect time; states are those just before a column's
    right edge."""

    t_edges: Times  # [W + 1]
    to_private: Counts  # conversions that were applied
    to_shared: Counts
    to_unknown: Counts  # applied, but it is not known which of both was asked for
    failed: Counts
    unconfirmed: Counts
    noop: Counts  # applied conversions whose pages were all known to be as asked already
    uncertain: Counts  # conversions that leave open what they changed
    doubts: Counts  # conversions of other VMs that may be of this one
    unplaced: Counts  # conversions of unknown range, whatever became of them
    page_faults: Counts
    private_faults: Counts  # page faults that are known to be private
    hypercalls: Counts
    memory_faults: Counts
    pages_to_private: Counts  # pages that went from known shared to private, and back
    pages_to_shared: Counts
    private: Counts  # pages in memslots
    shared: Counts
    unknown: Counts
    mixed_2m: Counts  # blocks, see PageMap
    is_kept: npt.NDArray[np.bool_]
    """False: some of what a column counts is no longer kept, and is not in its counts."""

    @property
    def requested(self) -> Counts:
        """All conversions, whatever became of them."""
        applied = self.to_private + self.to_shared + self.to_unknown
        return applied + self.failed + self.unconfirmed

    @property
    def leaves_open(self) -> npt.NDArray[np.bool_]:
        """Whether it is open which pages changed: what is counted of them are lower bounds."""
        result: npt.NDArray[np.bool_] = (self.uncertain > 0) | (self.doubts > 0)
        return result

    @property
    def pages_changed(self) -> Counts:
        """Each time counts."""
        return self.pages_to_private + self.pages_to_shared


class TimelineSums:
    """A timeline in the making. Changes and events may come in any number of chunks."""

    def __init__(self, t_edges: Times) -> None:
        """Raises ValueError unless the edges ascend."""
        if len(t_edges) < 2 or (np.diff(t_edges) <= 0).any():
            raise ValueError("a timeline needs ascending times")
        self.t_edges = np.ascontiguousarray(t_edges, np.int64)
        self.counts: Counts = np.zeros((len(t_edges) - 1, len(FIELDS)), np.int64)
        self.is_kept = np.ones(len(t_edges) - 1, np.bool_)

    def add_start(self, totals: Totals, mixed_blocks: int) -> None:
        """The state before the changes."""
        self.counts[0, PRIVATE] += totals.private
        self.counts[0, SHARED] += totals.shared
        self.counts[0, UNKNOWN] += totals.unknown
        self.counts[0, MIXED] += mixed_blocks

    def add_changes(self, changes: ChangeArray) -> None:
        """Changes before the first column are part of its state; those after the last are left
        out. The rows of one event may not be divided between two calls."""
        count_changes(self.counts, self.t_edges, changes)

    def add_events(self, events: EventArray) -> None:
        """Events outside the columns are left out."""
        count_events(self.counts, self.t_edges, events)

    def finish(self) -> Timeline:
        counts = self.counts.copy()
        counts[:, PRIVATE:] = np.cumsum(counts[:, PRIVATE:], axis=0)
        columns = dict(zip(FIELDS, np.ascontiguousarray(counts.T), strict=True))
        return Timeline(t_edges=self.t_edges, is_kept=self.is_kept, **columns)

    def miss(self, first_t: int, last_t: int) -> None:
        """What happened in between is not counted."""
        self.is_kept[(self.t_edges[:-1] <= last_t) & (self.t_edges[1:] > first_t)] = False


def timeline(
    start: Totals,
    mixed_blocks: int,
    changes: Iterable[ChangeArray],
    events: Iterable[EventArray],
    t_edges: Times,
) -> Timeline:
    """Count an interval of time from the state before it and all that followed."""
    sums = TimelineSums(t_edges)
    sums.add_start(start, mixed_blocks)
    for chunk in changes:
        sums.add_changes(chunk)
    for chunk in events:
        sums.add_events(chunk)
    return sums.finish()


@hot_in_place
def count_changes(counts: Counts, t_edges: Times, changes: ChangeArray) -> None:
    column, last_event, last_uncertain = ZERO, -1, -1
    width = counts.shape[0]
    for index in range(changes.size):
        change = changes[index]
        column = column_near(t_edges, change.t, column)
        if column == width:
            continue
        at = max(column, 0)
        counts[at, MIXED] += change.mixed_delta
        if change.in_memslot:
            npages = signed(change.npages)
            if change.before != PageState.NO_MEMSLOT:
                counts[at, FIELD_OF_STATE[change.before]] -= npages
            if change.after != PageState.NO_MEMSLOT:
                counts[at, FIELD_OF_STATE[change.after]] += npages
        is_known = change.after < PageState.UNKNOWN or change.before == PageState.UNKNOWN
        is_by_call = change.before != PageState.NO_MEMSLOT and is_known
        if column >= 0 and is_by_call and change.event > last_event:
            counts[at, NOOP] -= 1
            last_event = change.event
        is_doubtful = is_by_call and change.before == PageState.UNKNOWN
        if column >= 0 and is_doubtful and change.event > last_uncertain:
            counts[at, UNCERTAIN] += 1
            last_uncertain = change.event


@hot_in_place
def count_events(counts: Counts, t_edges: Times, events: EventArray) -> None:
    column = ZERO
    width = counts.shape[0]
    for index in range(events.size):
        event = events[index]
        column = column_near(t_edges, effect(events, index), column)
        if column < 0 or column == width:
            continue
        effective = signed(event.effective_pages)
        how = EventClass(event.kind, event.to, event.outcome, event.range_certainty)
        count_event(counts, column, how, effective)


@hot_part
def count_event(counts: Counts, column: int, event: EventClass, effective_pages: int) -> None:
    if event.kind == EventKind.CONVERSION:
        count_conversion(counts, column, event, effective_pages)
    elif event.kind == EventKind.PAGE_FAULT:
        counts[column, PAGE_FAULTS] += 1
        counts[column, PRIVATE_FAULTS] += signed(event.to == To.PRIVATE)
    elif event.kind == EventKind.HYPERCALL:
        counts[column, HYPERCALLS] += 1
    elif event.kind == EventKind.MEMORY_FAULT:
        counts[column, MEMORY_FAULTS] += 1
    elif event.kind == EventKind.DOUBT:
        counts[column, DOUBTS] += 1


@hot_part
def count_conversion(counts: Counts, column: int, call: EventClass, effective_pages: int) -> None:
    """An applied call of known range counts as no-op until a change shows that it was none, and as
    certain until one shows that nobody knew the state of its pages."""
    if call.range_certainty == Certainty.UNKNOWN:
        counts[column, UNPLACED] += 1
    if call.outcome == Outcome.FAILED:
        counts[column, FAILED] += 1
        return
    if call.outcome == Outcome.UNCONFIRMED:
        counts[column, UNCONFIRMED] += 1
        counts[column, UNCERTAIN] += 1
        return
    if call.to == To.PRIVATE:
        counts[column, TO_PRIVATE] += 1
        counts[column, PAGES_TO_PRIVATE] += effective_pages
    elif call.to == To.SHARED:
        counts[column, TO_SHARED] += 1
        counts[column, PAGES_TO_SHARED] += effective_pages
    else:
        counts[column, TO_UNKNOWN] += 1
    if call.to < To.UNKNOWN and call.range_certainty != Certainty.UNKNOWN:
        counts[column, NOOP] += 1
    else:
        counts[column, UNCERTAIN] += 1
