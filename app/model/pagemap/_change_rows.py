"""Writing `CHANGE` rows from compiled code, into room made beforehand."""

from typing import Any, NamedTuple

import numpy as np

from app.compiled import hot_part, signed
from app.model.guest import PageState
from app.model.pagemap._map_arrays import Action, MapArrays
from app.model.pagemap._rules import AFTER, BEFORE, IN_MEMSLOT, NO_ROW, TRANSITIONS
from app.model.pagemap._tree import DEFAULT, FLIPPED, ROWS, TOTALS

Row = Any
"""One row of an array in compiled code, whose fields are attributes."""


class Transition(NamedTuple):
    """What a row states of its pages."""

    before: int
    after: int
    in_memslot: bool


@hot_part
def emit(arrays: MapArrays, action: Action, place: int, code: int, first: int, npages: int) -> None:
    """Write the operation's row of pages with this code, or lengthen the last row by them.

    A row whose block became, or ceased to be, mixed ends there: its last page shows which it was.
    """
    meta, rows = arrays.tree.meta, arrays.rows
    default = meta[DEFAULT]
    before = signed(TRANSITIONS[default, action.operation, place, code, BEFORE])
    after = signed(TRANSITIONS[default, action.operation, place, code, AFTER])
    in_memslot = TRANSITIONS[default, action.operation, place, code, IN_MEMSLOT] != 0
    if before == NO_ROW:
        return
    if before != after and in_memslot:
        meta[TOTALS + before] -= npages
        meta[TOTALS + after] += npages
    if before + after == PageState.SHARED + PageState.PRIVATE:
        meta[FLIPPED] += npages
    n = meta[ROWS]
    if n > 0:
        last = rows[n - 1]
        if (
            last.gfn + last.npages == np.uint64(first)
            and last.event == action.event
            and last.before == before
            and last.after == after
            and last.in_memslot == in_memslot
            and last.mixed_delta == 0
        ):
            last.npages += np.uint64(npages)
            return
    write_row(rows[n], action, first, npages, Transition(before, after, in_memslot))
    meta[ROWS] = n + 1


@hot_part
def write_row(row: Row, action: Action, first: int, npages: int, transition: Transition) -> None:
    row.t = action.t
    row.gfn = first
    row.npages = npages
    row.event = action.event
    row.mixed_delta = 0
    row.before = transition.before
    row.after = transition.after
    row.in_memslot = transition.in_memslot
    row.is_return = False
