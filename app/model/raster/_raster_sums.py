"""The compiled sums of a raster.

Every change is two steps: from its first gfn and its time on, pages are in another state; from its
end gfn on, they are not. A step touches one cell of each of two sums, however long the run:

- `within` [H, W, planes, 2]: pages of this row from this column on,
- `onward` [H + 1, W, planes, 2]: per page of this and all later rows, from this column on,

each with the (page-)nanoseconds by which they came late in the column. Sums are floats that hold
whole numbers, exact up to 2^53; a larger product is rounded within its own cell, never in others.

A plane is one measure; a raster draws those that it was asked for. Mixed 2 MiB blocks are runs of
all their pages, which change when the block becomes, or ceases to be, mixed. Returns happen, and do
not last: they are summed up along the rows only.

`counts` [H + 1, W, COUNTS] are steps along the rows too.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.events import ChangeArray, EventArray
from app.model.guest import GFN_LIMIT, Certainty, EventKind, Outcome, PageState, To
from app.model.pagemap import BLOCK_SHIFT, effect

MEASURES = 5
PRIVATE, UNKNOWN, PRESENT, RETURNS, MIXED = range(MEASURES)
"""All but the last concern the pages of a change, the last their block."""
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
"""By measure that is a state. Being present is not being in the last."""

SIGNS = np.array([1, 1, -1], np.int64)
ZERO = constant(0)
ONE = constant(1)

Sums = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Planes = npt.NDArray[np.int64]
"""[planes] which measure each is."""
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
    plane: int,
    gfn: int,
    sign: int,
    late: int,
) -> None:
    """From `gfn` on `sign` more of each page, `late` ns after the column began."""
    row = row_at(row_end, gfn)
    if row < row_end.size and gfn > row_first[row]:
        pages = np.float64(sign * (row_end[row] - gfn))
        within[row, column, plane, PAGES] += pages
        within[row, column, plane, LATE] += pages * late
        row += 1
    onward[row, column, plane, PAGES] += sign
    onward[row, column, plane, LATE] += sign * late


@hot_part
def add_run(
    within: Sums,
    onward: Sums,
    row_first: Gfns,
    row_end: Gfns,
    column: int,
    plane: int,
    first: int,
    end: int,
    sign: int,
    late: int,
) -> None:
    """The two steps of a run; both at once where it lies within a row."""
    row = row_at(row_end, first)
    if row < row_end.size and first >= row_first[row] and end <= row_end[row]:
        pages = np.float64(sign * (end - first))
        within[row, column, plane, PAGES] += pages
        within[row, column, plane, LATE] += pages * late
        return
    add_step(within, onward, row_first, row_end, column, plane, first, sign, late)
    add_step(within, onward, row_first, row_end, column, plane, end, -sign, late)


@hot_in_place
def sum_changes(
    within: Sums,
    onward: Sums,
    t_edges: Times,
    row_first: Gfns,
    row_end: Gfns,
    planes: Planes,
    changes: ChangeArray,
) -> None:
    """Add changes, in any order; those before the first column hold in all of it."""
    column = ZERO
    for index in range(changes.size):
        change = changes[index]
        column = min(max(column, 0), t_edges.size - 2)
        column = column_at(t_edges, change.t, column)
        if column == t_edges.size - 1:
            continue
        late = change.t - t_edges[column] if column >= 0 else ZERO
        end = signed(change.gfn) + signed(change.npages)
        for plane in range(planes.size):
            measure = planes[plane]
            sign = sign_of(changes, index, measure)
            if sign == 0 or (measure == RETURNS and column < 0):
                continue
            first, stop = signed(change.gfn), end
            if measure == MIXED:
                first = (end - 1) >> BLOCK_SHIFT << BLOCK_SHIFT
                stop = first + (1 << BLOCK_SHIFT)
            at = max(column, 0)
            add_run(within, onward, row_first, row_end, at, plane, first, stop, sign, late)


@hot_part
def sign_of(changes: ChangeArray, index: int, measure: int) -> int:
    """By how many the pages of a change, or of its block, grow in a measure."""
    change = changes[index]
    if measure == MIXED:
        return signed(change.mixed_delta)
    if not change.in_memslot:
        return ZERO
    if measure == RETURNS:
        return signed(change.again)
    enters = signed(change.after == STATES[measure])
    return int(SIGNS[measure] * (enters - signed(change.before == STATES[measure])))


@hot_in_place
def share_pages(
    within: Sums,
    onward: Sums,
    t_edges: Times,
    row_pages: Gfns,
    shares: npt.NDArray[np.float32],
) -> None:
    """Turn the sums of the first planes, which last, into shares [planes, H, W].

    `onward` is summed up in place.
    """
    height, width = row_pages.size, t_edges.size - 1
    for row in range(height):
        for plane in range(shares.shape[0]):
            pages = np.float64(0)
            for column in range(width):
                duration = np.float64(t_edges[column + 1] - t_edges[column])
                if row > 0:
                    onward[row, column, plane, PAGES] += onward[row - 1, column, plane, PAGES]
                    onward[row, column, plane, LATE] += onward[row - 1, column, plane, LATE]
                pages += within[row, column, plane, PAGES]
                pages += onward[row, column, plane, PAGES] * row_pages[row]
                late = within[row, column, plane, LATE]
                late += onward[row, column, plane, LATE] * row_pages[row]
                share = (pages - late / duration) / row_pages[row]
                shares[plane, row, column] = min(max(share, 0.0), 1.0)


@hot_in_place
def count_pages(
    within: Sums, onward: Sums, plane: int, row_pages: Gfns, pages: npt.NDArray[np.int64]
) -> None:
    """Turn the sums of a plane that does not last into pages [H, W]. `onward` is summed up."""
    for row in range(pages.shape[0]):
        for column in range(pages.shape[1]):
            if row > 0:
                onward[row, column, plane, PAGES] += onward[row - 1, column, plane, PAGES]
            onwards = onward[row, column, plane, PAGES] * row_pages[row]
            pages[row, column] = np.int64(within[row, column, plane, PAGES] + onwards)


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
