"""Compiled loops over the columns of a segment that are kept in memory: choosing and counting."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, signed
from app.model.events import Window
from app.model.guest import GFN_LIMIT, PageState
from app.model.raster import (
    NOOP,
    PAGES_TO_PRIVATE,
    PAGES_TO_SHARED,
    UNCERTAIN,
    Counts,
    EventClass,
    Times,
    column_near,
    count_event,
)
from app.store.codecs import (
    AFTER_SHIFT,
    BEFORE_SHIFT,
    EVERYWHERE,
    HAS_NO_EVENT,
    IS_EXPLICIT,
    NOWHERE,
    EventRanges,
    RelativeChanges,
    Signed,
)

ZERO = constant(0)

Bytes = npt.NDArray[np.uint8]


class EventClasses(NamedTuple):
    """What distinguishes the events of a segment, by its values in EVENT."""

    kind: Bytes
    to: Bytes
    outcome: Bytes
    range_certainty: Bytes


@hot_in_place
def select_events(output: Signed, events: EventRanges, places: Bytes, window: Window) -> int:
    """Write the indices of the events that meet a window; returns how many."""
    is_all_gfns = window.gfn_from <= 0 and window.gfn_to >= GFN_LIMIT
    first_gfn, end_gfn = np.uint64(window.gfn_from), np.uint64(window.gfn_to)
    count = 0
    for i in range(events.effect_t.size):
        if events.effect_t[i] < window.t_from or events.effect_t[i] >= window.t_to:
            continue
        if not is_all_gfns and places[i] != EVERYWHERE:
            gfn = events.gfn[i]
            end = gfn + max(events.npages[i], np.uint64(1))
            if gfn >= end_gfn or end <= first_gfn or places[i] == NOWHERE:
                continue
        output[count] = i
        count += 1
    return count


@hot_in_place
def count_some_events(
    counts: Counts, t_edges: Times, chosen: Signed, effect_t: Signed, classes: EventClasses
) -> None:
    """Events outside the columns are left out; the pages they changed are not counted here."""
    column = ZERO
    width = counts.shape[0]
    for index in range(chosen.size):
        i = chosen[index]
        column = column_near(t_edges, effect_t[i], column)
        if column < 0 or column == width:
            continue
        event = EventClass(
            classes.kind[i], classes.to[i], classes.outcome[i], classes.range_certainty[i]
        )
        count_event(counts, column, event, ZERO)


@hot_in_place
def count_their_changes(
    counts: Counts,
    t_edges: Times,
    is_chosen: npt.NDArray[np.bool_],
    events: EventRanges,
    changes: RelativeChanges,
) -> None:
    """Count the pages that changed from one known state to the other, take back that an event was a
    no-op, and count it as uncertain where the state before is unknown; see app.store.codecs for
    what the rows are."""
    column, taken, last_event, last_uncertain = ZERO, ZERO, -1, -1
    width = counts.shape[0]
    for row in range(changes.of_event.size):
        state, event = changes.states[row], changes.of_event[row]
        if state & IS_EXPLICIT:
            npages = signed(changes.explicit[taken].npages)
            taken += 1
        else:
            npages = signed(events.npages[event]) + changes.npages_offset[row]
        if state & HAS_NO_EVENT or not is_chosen[event]:
            continue
        column = column_near(t_edges, events.effect_t[event], column)
        if column < 0 or column == width:
            continue
        before, after = state >> BEFORE_SHIFT & 3, state >> AFTER_SHIFT & 3
        if before == PageState.SHARED and after == PageState.PRIVATE:
            counts[column, PAGES_TO_PRIVATE] += npages
        elif before == PageState.PRIVATE and after == PageState.SHARED:
            counts[column, PAGES_TO_SHARED] += npages
        is_known = after < PageState.UNKNOWN or before == PageState.UNKNOWN
        if before != PageState.NO_MEMSLOT and is_known and event > last_event:
            counts[column, NOOP] -= 1
            last_event = event
        if before == PageState.UNKNOWN and event > last_uncertain:
            counts[column, UNCERTAIN] += 1
            last_uncertain = event
