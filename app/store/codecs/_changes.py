"""Changes to blob and back, relative to the events that made them.

Most changes cover their event's whole range at its time, so most columns are zeros and cost next
to nothing. Rows that have no event, or whose event has no range, are stored in full ("explicit").
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, signed
from app.model.events import CHANGE, ChangeArray, EventArray, Window, effect_time
from app.model.guest import Certainty
from app.store.codecs._arrow import (
    Signed,
    Unsigned,
    join,
    narrowed,
    read_batch,
    split,
    unzigzag,
    write_batch,
    zigzag,
)

BEFORE_SHIFT, AFTER_SHIFT = 0, 2
IN_MEMSLOT, IS_EXPLICIT, HAS_NO_EVENT, IS_RETURN = 1 << 4, 1 << 5, 1 << 6, 1 << 7
_INT32 = np.iinfo(np.int32)


class EventRanges(NamedTuple):
    """When the events of a segment took effect, and their pages."""

    effect_t: Signed
    gfn: Unsigned
    npages: Unsigned


class RelativeChanges(NamedTuple):
    """The changes of one segment as they are cached: about a third of their size as CHANGE rows.

    Row i belongs to event of_event[i] of the segment; offsets are against that event's range.
    Explicit rows take t, gfn and npages from the rows of `explicit`, in order.
    """

    of_event: npt.NDArray[np.int32]
    gfn_offset: npt.NDArray[np.int32]
    npages_offset: npt.NDArray[np.int32]
    mixed_delta: npt.NDArray[np.int32]
    states: npt.NDArray[np.uint8]
    explicit: ChangeArray

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self)


def encode_changes(changes: ChangeArray, events: EventArray, first_seq: int, first_t: int) -> bytes:
    """One blob. Every change belongs to one of the events, which start at first_seq, or to none."""
    has_no_event = changes["event"] < 0
    index = _event_index(changes["event"] - first_seq, has_no_event)
    base_gfn, base_npages, base_t, is_explicit = _bases(events, index, has_no_event, first_t)
    gfn_offset = (changes["gfn"] - base_gfn).view(np.int64)
    npages_offset = (changes["npages"] - base_npages).view(np.int64)
    is_far = (np.abs(gfn_offset) > _INT32.max) | (np.abs(npages_offset) > _INT32.max)
    is_explicit |= is_far | (changes["t"] != base_t)
    states = changes["before"] << BEFORE_SHIFT | changes["after"] << AFTER_SHIFT
    states |= changes["in_memslot"] * np.uint8(IN_MEMSLOT)
    states |= is_explicit * np.uint8(IS_EXPLICIT) | has_no_event * np.uint8(HAS_NO_EVENT)
    states |= changes["is_return"] * np.uint8(IS_RETURN)
    columns = split("event_step", np.diff(index, prepend=0))
    columns |= split("states", states)
    columns |= split("mixed_delta", zigzag(changes["mixed_delta"]))
    explicit_rows = np.flatnonzero(is_explicit)
    t, gfn, npages = np.zeros_like(gfn_offset), zigzag(gfn_offset), zigzag(npages_offset)
    t[explicit_rows], gfn[explicit_rows] = (
        changes["t"][explicit_rows] - first_t,
        changes["gfn"][explicit_rows],
    )
    npages[explicit_rows] = changes["npages"][explicit_rows]
    columns |= split("t", t) | split("gfn", gfn) | split("npages", npages)
    return write_batch(columns)


def decode_changes(blob: bytes, first_t: int) -> RelativeChanges:
    return relative_changes(partial(join, read_batch(blob)), first_t)


def relative_changes(column: Callable[[str], Unsigned], first_t: int) -> RelativeChanges:
    """`column`: the values of one, by its name."""
    states = narrowed(column("states"), np.uint8)
    gfn, npages = column("gfn"), column("npages")
    is_explicit = states & IS_EXPLICIT != 0
    explicit = np.zeros(int(is_explicit.sum()), dtype=CHANGE)
    explicit["t"] = column("t")[is_explicit] + np.uint64(first_t)
    explicit["gfn"] = gfn[is_explicit]
    explicit["npages"] = npages[is_explicit]
    return RelativeChanges(
        of_event=narrowed(np.cumsum(column("event_step").view(np.int64)), np.int32),
        gfn_offset=unzigzag(gfn).astype(np.int32),
        npages_offset=unzigzag(npages).astype(np.int32),
        mixed_delta=narrowed(unzigzag(column("mixed_delta")), np.int32),
        states=states,
        explicit=explicit,
    )


def _event_index(offsets: Signed, has_no_event: npt.NDArray[np.bool_]) -> Signed:
    """Each row's event within the segment; a row without one takes that of the row before it."""
    index: Signed = np.maximum.accumulate(np.where(has_no_event, 0, offsets))
    return index


def _bases(
    events: EventArray, index: Signed, has_no_event: npt.NDArray[np.bool_], first_t: int
) -> tuple[Unsigned, Unsigned, Signed, npt.NDArray[np.bool_]]:
    """(gfn, npages, t, is_explicit) that each row is relative to."""
    if not len(events):
        nothing = np.zeros(len(index), dtype=np.uint64)
        return nothing, nothing, nothing.view(np.int64), np.ones(len(index), dtype=np.bool_)
    has_range = events["range_certainty"] != Certainty.UNKNOWN
    is_explicit = has_no_event | ~has_range[index]
    return events["gfn"][index], events["npages"][index], effect_time(events)[index], is_explicit


class SelectedChanges(NamedTuple):
    """Room for some changes, and for which rows they are of."""

    changes: ChangeArray
    rows: Signed


@hot_in_place
def select_changes(
    selected: SelectedChanges,
    events: EventRanges,
    first_seq: int,
    changes: RelativeChanges,
    first: int,
    window: Window,
) -> int:
    """Write the changes that meet a window, from row `first` on, and which rows they are. Returns
    how many.

    A row of no pages (a forgotten default) belongs to every gfn window.
    """
    count, taken = 0, 0
    for i in range(changes.of_event.size):
        state, event = changes.states[i], changes.of_event[i]
        if state & IS_EXPLICIT:
            row = changes.explicit[taken]
            t, gfn, npages = row.t, signed(row.gfn), signed(row.npages)
            taken += 1
        else:
            t = events.effect_t[event]
            gfn = signed(events.gfn[event]) + changes.gfn_offset[i]
            npages = signed(events.npages[event]) + changes.npages_offset[i]
        if i < first or t < window.t_from or t >= window.t_to:
            continue
        if npages and (gfn >= window.gfn_to or gfn + npages <= window.gfn_from):
            continue
        written = selected.changes[count]
        written.t = t
        written.gfn = gfn
        written.npages = npages
        written.event = -1 if state & HAS_NO_EVENT else first_seq + event
        written.mixed_delta = changes.mixed_delta[i]
        written.before = state >> BEFORE_SHIFT & 3
        written.after = state >> AFTER_SHIFT & 3
        written.in_memslot = state & IN_MEMSLOT != 0
        written.is_return = state & IS_RETURN != 0
        selected.rows[count] = i
        count += 1
    return count
