"""The compiled sums of a raster.

Every change is two steps: from its first gfn and its time on, pages are in another state; from its
end gfn on, they are not. A step touches one cell of each of two sums, however long the run:

- `within` [H, W, MEASURES, 2]: pages of this row from this column on,
- `onward` [H + 1, W, MEASURES, 2]: per page of this and all later rows, from this column on,

each with the (page-)nanoseconds by which they came late in the column. Sums are floats that hold
whole numbers, exact up to 2^53; a larger product is rounded within its own cell, never in others.

`counts` [H + 1, W, COUNTS] are steps along the rows too.
"""

import numpy as np
import numpy.typing as npt

from app.model.applying import effect
from app.model.events import (
    GFN_LIMIT,
    Certainty,
    ChangeArray,
    EventArray,
    EventKind,
    Outcome,
    PageState,
    To,
)
from app.model.jit import constant, hot_in_place, hot_part, signed

MEASURES = 3
PRIVATE, UNKNOWN, PRESENT = range(MEASURES)
PAGES, LATE = range(2)
COUNTS = 4
CALLS, FAILED_CALLS, FAULTS, PRIVATE_FAULTS = range(COUNTS)
"""What is counted; every second one is the part of the one before that failed, or is known to be
private."""

CONVERSION = int(EventKind.CONVERSION)
PAGE_FAULT = int(EventKind.PAGE_FAULT)
FAILED = int(Outcome.FAILED)
TO_PRIVATE = int(To.PRIVATE)
RANGE_UNKNOWN = int(Certainty.UNKNOWN)
STATES = np.array([PageState.PRIVATE, PageState.UNKNOWN, PageState.NO_MEMSLOT], np.int64)
"""By measure. Being present is not being in the last."""

SIGNS = np.array([1, 1, -1], np.int64)
ZERO = constant(0)
ONE = constant(1)

Sums = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Times = npt.NDArray[np.int64]
Gfns = npt.NDArray[np.int64]


@hot_part
def column_at(t_edges: Times, t: int, near: int) -> int:
    """The column of `t`, searched from one near it; -1 before the first, W after the last."""
    column = near
    while column >= 0 and t < t_edges[column]:
        column -= 1
    while column < t_edges.size - 1 and t >= t_edges[column + 1]:
        column += 1
    return column


@hot_part
def row_at(row_end: Gfns, gfn: int) -> int:
    """The first row that ends after `gfn`."""
    low, high = 0, row_end.size
    while low < high:
        middle = (low + high) >> 1
        if row_end[middle] <= gfn:
            low = middle + 1
        else:
            high = middle
    return low


@hot_part
def add_step(
    within: Sums,
    onward: Sums,
    row_first: Gfns,
    row_end: Gfns,
    column: int,
    measure: int,
    gfn: int,
    sign: int,
    late: int,
) -> None:
    """From `gfn` on `sign` more of each page, `late` ns after the column began."""
    row = row_at(row_end, gfn)
    if row < row_end.size and gfn > row_first[row]:
        pages = np.float64(sign * (row_end[row] - gfn))
        within[row, column, measure, PAGES] += pages
        within[row, column, measure, LATE] += pages * late
        row += 1
    onward[row, column, measure, PAGES] += sign
    onward[row, column, measure, LATE] += sign * late


@hot_part
def add_run(
    within: Sums,
    onward: Sums,
    row_first: Gfns,
    row_end: Gfns,
    column: int,
    measure: int,
    first: int,
    end: int,
    sign: int,
    late: int,
) -> None:
    """The two steps of a run; both at once where it lies within a row."""
    row = row_at(row_end, first)
    if row < row_end.size and first >= row_first[row] and end <= row_end[row]:
        pages = np.float64(sign * (end - first))
        within[row, column, measure, PAGES] += pages
        within[row, column, measure, LATE] += pages * late
        return
    add_step(within, onward, row_first, row_end, column, measure, first, sign, late)
    add_step(within, onward, row_first, row_end, column, measure, end, -sign, late)


@hot_in_place
def sum_changes(
    within: Sums,
    onward: Sums,
    t_edges: Times,
    row_first: Gfns,
    row_end: Gfns,
    changes: ChangeArray,
) -> None:
    """Add changes, in any order; those before the first column hold in all of it."""
    column = ZERO
    for index in range(changes.size):
        change = changes[index]
        if not change.in_memslot:
            continue
        column = min(max(column, 0), t_edges.size - 2)
        column = column_at(t_edges, change.t, column)
        if column == t_edges.size - 1:
            continue
        late = change.t - t_edges[column] if column >= 0 else ZERO
        first = signed(change.gfn)
        end = first + signed(change.npages)
        for measure in range(MEASURES):
            enters = signed(change.after == STATES[measure])
            sign = SIGNS[measure] * (enters - signed(change.before == STATES[measure]))
            if sign != 0:
                at = max(column, 0)
                add_run(within, onward, row_first, row_end, at, measure, first, end, sign, late)


@hot_in_place
def share_pages(
    within: Sums,
    onward: Sums,
    t_edges: Times,
    row_pages: Gfns,
    shares: npt.NDArray[np.float32],
) -> None:
    """Turn the sums into shares [MEASURES, H, W]. `onward` is summed up in place."""
    height, width = row_pages.size, t_edges.size - 1
    for row in range(height):
        for measure in range(MEASURES):
            pages = np.float64(0)
            for column in range(width):
                duration = np.float64(t_edges[column + 1] - t_edges[column])
                if row > 0:
                    onward[row, column, measure, PAGES] += onward[row - 1, column, measure, PAGES]
                    onward[row, column, measure, LATE] += onward[row - 1, column, measure, LATE]
                pages += within[row, column, measure, PAGES]
                pages += onward[row, column, measure, PAGES] * row_pages[row]
                late = within[row, column, measure, LATE]
                late += onward[row, column, measure, LATE] * row_pages[row]
                share = (pages - late / duration) / row_pages[row]
                shares[measure, row, column] = min(max(share, 0.0), 1.0)


@hot_in_place
def count_events(
    counts: Counts, t_edges: Times, row_first: Gfns, row_end: Gfns, events: EventArray
) -> None:
    """Count each conversion and page fault with a known range once in each row that it touches."""
    column = ZERO
    for index in range(events.size):
        event = events[index]
        if not is_counted(events, index):
            continue
        column = min(max(column, 0), t_edges.size - 2)
        column = column_at(t_edges, effect(events, index), column)
        if column < 0 or column == t_edges.size - 1:
            continue
        first = signed(event.gfn)
        last = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first))) - 1
        row = row_at(row_end, first)
        stop = row_at(row_end, last)
        if stop < row_end.size and last >= row_first[stop]:
            stop += 1
        if stop > row:
            which = CALLS if event.kind == CONVERSION else FAULTS
            marked = signed(is_marked(events, index))
            counts[row, column, which] += 1
            counts[stop, column, which] -= 1
            counts[row, column, which + 1] += marked
            counts[stop, column, which + 1] -= marked


@hot_part
def is_counted(events: EventArray, index: int) -> bool:
    event = events[index]
    is_placed = event.range_certainty != RANGE_UNKNOWN and event.npages != 0
    is_wanted = event.kind == CONVERSION or event.kind == PAGE_FAULT
    return bool(is_wanted and is_placed and event.gfn < np.uint64(GFN_LIMIT))


@hot_part
def is_marked(events: EventArray, index: int) -> bool:
    """Did the conversion fail, is the page fault known to be private?"""
    event = events[index]
    if event.kind == CONVERSION:
        return bool(event.outcome == FAILED)
    return bool(event.to == TO_PRIVATE)
