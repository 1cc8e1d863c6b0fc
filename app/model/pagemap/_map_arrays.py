"""What compiled functions of a page map hand to each other, and the room in it that they need."""

from typing import NamedTuple

import numpy as np

from app.compiled import hot_part
from app.model.events import CHANGE, ChangeArray
from app.model.pagemap._live_memslots import CoverArray
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    FREE_BITMAPS,
    GROUPS,
    GROUPS_USED,
    LEAVES,
    ROWS,
    Tree,
)

ROOM = 1 << BLOCK_SHIFT
"""Rows that must be free before a block is painted: each of its pages may become one."""


class MapArrays(NamedTuple):
    """A page map, and the rows that a call writes of it: `meta[ROWS]` so far."""

    tree: Tree
    rows: ChangeArray
    cover: CoverArray


class Action(NamedTuple):
    """What is done to the pages of a range, and to which event their rows belong (-1: none)."""

    operation: int
    t: int
    event: int


class Site(NamedTuple):
    """Where it is done: what covers the pages, and which of their blocks count as mixed or not.

    Those do that begin before `counted_before` or end after `counted_after`.
    """

    place: int
    counted_before: int
    counted_after: int


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
def has_room(arrays: MapArrays) -> bool:
    """Whether a range can be painted up to the end of its leaf."""
    meta = arrays.tree.meta
    return bool(
        arrays.rows.size - meta[ROWS] >= ROOM
        and meta[FREE_BITMAPS] >= 2
        and GROUPS + (meta[GROUPS_USED] + 2) * LEAVES <= arrays.tree.nodes.size
    )
