"""Writing `CHANGE` rows from compiled code, into room made beforehand."""

import numpy as np

from app.compiled import hot_part, signed
from app.model.events import CHANGE, ChangeArray
from app.model.guest import PageState
from app.model.pagemap._rules import AFTER, BEFORE, IN_MEMSLOT, NO_ROW, TRANSITIONS
from app.model.pagemap._tree import BLOCK_SHIFT, DEFAULT, FLIPPED, ROWS, TOTALS, Meta

ROOM = 1 << BLOCK_SHIFT
"""Rows that must be free before a block is painted: each of its pages may become one."""

SHARED = int(PageState.SHARED)
PRIVATE = int(PageState.PRIVATE)


def new_rows(count: int) -> ChangeArray:
    """Room for `count` rows and what `ROOM` demands."""
    return np.empty(count + 2 * ROOM, CHANGE)


def with_rows(rows: ChangeArray, used: int) -> ChangeArray:
    """The same rows with room for a block's."""
    if len(rows) - used >= ROOM:
        return rows
    grown = np.empty(2 * len(rows), CHANGE)
    grown[:used] = rows[:used]
    return grown


@hot_part
def emit(
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    code: int,
    t: int,
    event: int,
    first: int,
    npages: int,
) -> None:
    """Write the operation's row of pages with this code, or lengthen the last row by them.

    A row whose block became, or ceased to be, mixed ends there: its last page shows which it was.
    """
    default = meta[DEFAULT]
    before = signed(TRANSITIONS[default, operation, place, code, BEFORE])
    after = signed(TRANSITIONS[default, operation, place, code, AFTER])
    is_inside = signed(TRANSITIONS[default, operation, place, code, IN_MEMSLOT])
    if before == NO_ROW:
        return
    if before != after and is_inside != 0:
        meta[TOTALS + before] -= npages
        meta[TOTALS + after] += npages
    if before + after == SHARED + PRIVATE:
        meta[FLIPPED] += npages
    n = meta[ROWS]
    if n > 0:
        last = rows[n - 1]
        if (
            last.gfn + last.npages == np.uint64(first)
            and last.event == event
            and last.before == before
            and last.after == after
            and last.in_memslot == (is_inside != 0)
            and last.mixed_delta == 0
        ):
            last.npages += np.uint64(npages)
            return
    write_row(rows, n, t, event, first, npages, before, after, is_inside)
    meta[ROWS] = n + 1


@hot_part
def write_row(
    rows: ChangeArray,
    n: int,
    t: int,
    event: int,
    first: int,
    npages: int,
    before: int,
    after: int,
    is_inside: int,
) -> None:
    row = rows[n]
    row.t = t
    row.gfn = first
    row.npages = npages
    row.event = event
    row.mixed_delta = 0
    row.before = before
    row.after = after
    row.in_memslot = is_inside != 0
    row.again = False
