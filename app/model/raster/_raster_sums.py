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

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import constant, first_where, hot_in_place, hot_part, interval_at, signed
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

STATES = np.array([PageState.PRIVATE, PageState.UNKNOWN, PageState.NO_MEMSLOT], np.int64)
"""By measure that is a state. Being present is not being in the last."""

SIGNS = np.array([1, 1, -1], np.int64)
ZERO = constant(0)

Sums = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Planes = npt.NDArray[np.int64]
"""[planes] which measure each is."""
Times = npt.NDArray[np.int64]
Gfns = npt.NDArray[np.int64]
Row = Any
"""One row of an array in compiled code, whose fields are attributes."""


class RasterArrays(NamedTuple):
    """The grid of a raster, and its sums in the making."""

    t_edges: Times
    row_first: Gfns
    row_end: Gfns
    planes: Planes
    within: Sums
    onward: Sums
    counts: Counts


class Step(NamedTuple):
    """By how many (`sign`) each page grows in a plane, `late` ns after a column began."""

    column: int
    plane: int
    sign: int
    late: int


@hot_part
def ends_after(row_end: Gfns, row: int, gfn: int) -> bool:
    return bool(row_end[row] > gfn)


@hot_part
def row_at(row_end: Gfns, gfn: int) -> int:
    """The first row that ends after `gfn`."""
    return first_where(ends_after, row_end, row_end.size, gfn)


@hot_part
def column_near(t_edges: Times, t: int, near: int) -> int:
    """The column of `t`, searched from one near it, or from the one next to that if there is none;
    -1 before the first, W after the last."""
    return interval_at(t_edges, t, min(max(near, 0), t_edges.size - 2))


@hot_part
def add_step(arrays: RasterArrays, step: Step, gfn: int) -> None:
    """Add it to all pages from `gfn` on."""
    column, plane, row = step.column, step.plane, row_at(arrays.row_end, gfn)
    if row < arrays.row_end.size and gfn > arrays.row_first[row]:
        pages = np.float64(step.sign * (arrays.row_end[row] - gfn))
        arrays.within[row, column, plane, PAGES] += pages
        arrays.within[row, column, plane, LATE] += pages * step.late
        row += 1
    arrays.onward[row, column, plane, PAGES] += step.sign
    arrays.onward[row, column, plane, LATE] += step.sign * step.late


@hot_part
def add_run(arrays: RasterArrays, step: Step, first: int, end: int) -> None:
    """The two steps of a run; both at once where it lies within a row."""
    row = row_at(arrays.row_end, first)
    is_within = row < arrays.row_end.size and first >= arrays.row_first[row]
    if is_within and end <= arrays.row_end[row]:
        pages = np.float64(step.sign * (end - first))
        arrays.within[row, step.column, step.plane, PAGES] += pages
        arrays.within[row, step.column, step.plane, LATE] += pages * step.late
        return
    add_step(arrays, step, first)
    add_step(arrays, Step(step.column, step.plane, -step.sign, step.late), end)


@hot_in_place
def sum_changes(arrays: RasterArrays, changes: ChangeArray) -> None:
    """Add changes, in any order; those before the first column hold in all of it."""
    column, t_edges = ZERO, arrays.t_edges
    for index in range(changes.size):
        change = changes[index]
        column = column_near(t_edges, change.t, column)
        if column == t_edges.size - 1:
            continue
        late = change.t - t_edges[column] if column >= 0 else ZERO
        end = signed(change.gfn) + signed(change.npages)
        for plane in range(arrays.planes.size):
            measure = arrays.planes[plane]
            sign = sign_of(change, measure)
            if sign == 0 or (measure == RETURNS and column < 0):
                continue
            first, stop = signed(change.gfn), end
            if measure == MIXED:
                first = (end - 1) >> BLOCK_SHIFT << BLOCK_SHIFT
                stop = first + (1 << BLOCK_SHIFT)
            add_run(arrays, Step(max(column, 0), plane, sign, late), first, stop)


@hot_part
def sign_of(change: Row, measure: int) -> int:
    """By how many the pages of a change, or of its block, grow in a measure."""
    if measure == MIXED:
        return signed(change.mixed_delta)
    if not change.in_memslot:
        return ZERO
    if measure == RETURNS:
        return signed(change.is_return)
    enters = signed(change.after == STATES[measure])
    return int(SIGNS[measure] * (enters - signed(change.before == STATES[measure])))


@hot_in_place
def share_pages(arrays: RasterArrays, shares: npt.NDArray[np.float32]) -> None:
    """Turn the sums of the first planes, which last, into shares [planes, H, W].

    `onward` is summed up in place.
    """
    within, onward, t_edges = arrays.within, arrays.onward, arrays.t_edges
    for row in range(arrays.row_first.size):
        row_pages = arrays.row_end[row] - arrays.row_first[row]
        for plane in range(shares.shape[0]):
            pages = np.float64(0)
            for column in range(t_edges.size - 1):
                duration = np.float64(t_edges[column + 1] - t_edges[column])
                if row > 0:
                    onward[row, column, plane, PAGES] += onward[row - 1, column, plane, PAGES]
                    onward[row, column, plane, LATE] += onward[row - 1, column, plane, LATE]
                pages += within[row, column, plane, PAGES]
                pages += onward[row, column, plane, PAGES] * row_pages
                late = within[row, column, plane, LATE]
                late += onward[row, column, plane, LATE] * row_pages
                share = (pages - late / duration) / row_pages
                shares[plane, row, column] = min(max(share, 0.0), 1.0)


@hot_in_place
def count_pages(arrays: RasterArrays, plane: int, pages: npt.NDArray[np.int64]) -> None:
    """Turn the sums of a plane that does not last into pages [H, W]. `onward` is summed up."""
    within, onward = arrays.within, arrays.onward
    for row in range(pages.shape[0]):
        row_pages = arrays.row_end[row] - arrays.row_first[row]
        for column in range(pages.shape[1]):
            if row > 0:
                onward[row, column, plane, PAGES] += onward[row - 1, column, plane, PAGES]
            onwards = onward[row, column, plane, PAGES] * row_pages
            pages[row, column] = np.int64(within[row, column, plane, PAGES] + onwards)


@hot_in_place
def count_events(arrays: RasterArrays, events: EventArray) -> None:
    """Count each conversion and page fault with a known range once in each row that it touches."""
    counts, row_end, columns = arrays.counts, arrays.row_end, arrays.t_edges.size - 1
    column = ZERO
    for index in range(events.size):
        event = events[index]
        if not is_counted(event):
            continue
        column = column_near(arrays.t_edges, effect(events, index), column)
        if column < 0 or column == columns:
            continue
        first = signed(event.gfn)
        last = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first))) - 1
        row = row_at(row_end, first)
        stop = row_at(row_end, last)
        if stop < row_end.size and last >= arrays.row_first[stop]:
            stop += 1
        if stop > row:
            which = CALLS if event.kind == EventKind.CONVERSION else FAULTS
            marked = signed(is_marked(event))
            counts[row, column, which] += 1
            counts[stop, column, which] -= 1
            counts[row, column, which + 1] += marked
            counts[stop, column, which + 1] -= marked


@hot_part
def is_counted(event: Row) -> bool:
    is_placed = event.range_certainty != Certainty.UNKNOWN and event.npages != 0
    is_wanted = event.kind == EventKind.CONVERSION or event.kind == EventKind.PAGE_FAULT
    return bool(is_wanted and is_placed and event.gfn < np.uint64(GFN_LIMIT))


@hot_part
def is_marked(event: Row) -> bool:
    """Did the conversion fail, is the page fault known to be private?"""
    if event.kind == EventKind.CONVERSION:
        return bool(event.outcome == Outcome.FAILED)
    return bool(event.to == To.PRIVATE)
