"""Counting some of a segment's events over time, from the columns that are kept in memory."""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, signed
from app.model.guest import PageState
from app.model.raster import (
    NO_MEMSLOT,
    NOOP,
    PAGES_TO_PRIVATE,
    PAGES_TO_SHARED,
    STATE_UNKNOWN,
    UNCERTAIN,
    Counts,
    Times,
    column_at,
    count_event,
)
from app.store.codecs import AFTER_SHIFT, BEFORE_SHIFT, HAS_NO_EVENT, IS_EXPLICIT, Signed, Unsigned

ZERO = constant(0)
PRIVATE = int(PageState.PRIVATE)
SHARED = int(PageState.SHARED)
Bytes = npt.NDArray[np.uint8]


@hot_in_place
def count_some_events(
    counts: Counts,
    t_edges: Times,
    chosen: Signed,
    effect_t: Signed,
    kind: Bytes,
    to: Bytes,
    outcome: Bytes,
    range_certainty: Bytes,
) -> None:
    """Events outside the columns are left out; the pages they changed are not counted here."""
    column = ZERO
    width = counts.shape[0]
    for index in range(chosen.size):
        i = chosen[index]
        column = column_at(t_edges, effect_t[i], min(max(column, 0), width - 1))
        if column < 0 or column == width:
            continue
        count_event(counts, column, (kind[i], to[i], outcome[i], range_certainty[i]), ZERO)


@hot_in_place
def count_their_changes(
    counts: Counts,
    t_edges: Times,
    is_chosen: npt.NDArray[np.bool_],
    effect_t: Signed,
    event_npages: Unsigned,
    index: npt.NDArray[np.int32],
    states: Bytes,
    npages_offset: npt.NDArray[np.int32],
    explicit_npages: Unsigned,
) -> None:
    """Count the pages that changed from one known state to the other, take back that an event was a
    no-op, and count it as uncertain where the state before is unknown; see app.store.codecs for
    what the rows are."""
    column, taken, last_event, last_uncertain = ZERO, ZERO, -1, -1
    width = counts.shape[0]
    for row in range(index.size):
        state, event = states[row], index[row]
        if state & IS_EXPLICIT:
            npages = signed(explicit_npages[taken])
            taken += 1
        else:
            npages = signed(event_npages[event]) + npages_offset[row]
        if state & HAS_NO_EVENT or not is_chosen[event]:
            continue
        column = column_at(t_edges, effect_t[event], min(max(column, 0), width - 1))
        if column < 0 or column == width:
            continue
        before, after = state >> BEFORE_SHIFT & 3, state >> AFTER_SHIFT & 3
        if before == SHARED and after == PRIVATE:
            counts[column, PAGES_TO_PRIVATE] += npages
        elif before == PRIVATE and after == SHARED:
            counts[column, PAGES_TO_SHARED] += npages
        is_known = after < STATE_UNKNOWN or before == STATE_UNKNOWN
        if before != NO_MEMSLOT and is_known and event > last_event:
            counts[column, NOOP] -= 1
            last_event = event
        if before == STATE_UNKNOWN and event > last_uncertain:
            counts[column, UNCERTAIN] += 1
            last_uncertain = event
