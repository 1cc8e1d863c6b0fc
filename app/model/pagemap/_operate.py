"""From an operation on a range of gfns to the pieces of it that one kind of memslot covers."""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, first_where, hot_in_place, hot_part, signed
from app.model.events import ChangeArray
from app.model.guest import GFN_LIMIT
from app.model.pagemap._blocks import is_mixed
from app.model.pagemap._live_memslots import END, FIRST, PLACE, CoverArray
from app.model.pagemap._map_arrays import ROOM, Action, MapArrays, Site, new_rows, with_rows
from app.model.pagemap._paint import paint
from app.model.pagemap._rules import CODES, Operation, Place
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    BLOCKS,
    FLIPPED,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    ROWS,
    Tree,
    with_room,
)

NOWHERE = constant(-1)
FAR = constant(GFN_LIMIT + ROOM)
"""Before the first and past the last of all blocks."""


@hot_part
def ends_after(cover: CoverArray, piece: int, gfn: int) -> bool:
    return bool(cover[piece, END] > gfn)


@hot_in_place
def operate(arrays: MapArrays, action: Action, first: int, end: int) -> int:
    """Do one operation to [first, end), place by place.

    Mixed blocks are counted while events change attributes; what memslots change is the caller's.
    Returns how far it came: short of `end` if rows, leaves or bitmaps ran out.
    """
    cover, position = arrays.cover, first
    piece = first_where(ends_after, cover, cover.shape[0], position)
    while position < end:
        counted_before = cover[piece - 1, END] if piece > 0 else NOWHERE
        counted_after = cover[piece, FIRST] if piece < cover.shape[0] else FAR
        if counted_after <= position:
            place, stop = cover[piece, PLACE], min(end, cover[piece, END])
            counted_before = FAR
            piece += 1
        else:
            place, stop = signed(Place.NO_MEMSLOT), min(end, counted_after)
        if action.operation > Operation.FORGET:
            counted_before, counted_after = NOWHERE, FAR
        site = Site(place, counted_before, counted_after)
        position = paint(arrays, action, site, position, stop)
        if position < stop:
            return position
    return position


@hot_in_place
def list_mixed(
    found: npt.NDArray[np.int64], tree: Tree, cover: CoverArray, first: int, end: int
) -> int:
    """Mixed 2 MiB blocks that meet [first, end) and a piece of the cover.

    Writes as many of their numbers as there is room for; returns how many there are.
    """
    nodes, count = tree.nodes, 0
    block = first >> BLOCK_SHIFT
    last = (end - 1) >> BLOCK_SHIFT
    for piece in range(first_where(ends_after, cover, cover.shape[0], first), cover.shape[0]):
        block = max(block, cover[piece, FIRST] >> BLOCK_SHIFT)
        stop = min(last, (cover[piece, END] - 1) >> BLOCK_SHIFT) + 1
        while block < stop:
            group = block >> (GROUP_SHIFT - BLOCK_SHIFT)
            leaf = block >> (LEAF_SHIFT - BLOCK_SHIFT)
            if nodes[group] < CODES:
                block = (group + 1) << (GROUP_SHIFT - BLOCK_SHIFT)
                continue
            node = GROUPS + (nodes[group] - CODES) * LEAVES + (leaf & (LEAVES - 1))
            if nodes[node] < CODES:
                block = (leaf + 1) << (LEAF_SHIFT - BLOCK_SHIFT)
                continue
            if is_mixed(tree, nodes[node] - CODES, block & (BLOCKS - 1)):
                if count < found.size:
                    found[count] = block
                count += 1
            block += 1
    return count


class LiveTree:
    """The tree of a page map that changes: it grows by what compiled calls need to go on."""

    def __init__(self, tree: Tree, may_be_mixed: bool) -> None:
        """`may_be_mixed`: some page was private once."""
        self.tree = tree
        self.may_be_mixed = may_be_mixed

    def begin(self, count: int) -> ChangeArray:
        """Begin a call that may write so many rows, or more."""
        self.tree.meta[ROWS] = 0
        self.tree.meta[FLIPPED] = 0
        return new_rows(count)

    def grown(self, rows: ChangeArray, cover: CoverArray) -> MapArrays:
        """For a compiled call: with room in the tree and the rows."""
        self.tree = with_room(self.tree)
        return MapArrays(self.tree, with_rows(rows, int(self.tree.meta[ROWS])), cover)

    def written(self, rows: ChangeArray) -> ChangeArray:
        return rows[: self.tree.meta[ROWS]]

    def operate(
        self, operation: Operation, cover: CoverArray, first: int, end: int, t: int
    ) -> ChangeArray:
        """Do one operation that belongs to no event to a range, however much room it takes."""
        rows, action = self.begin(0), Action(int(operation), t, -1)
        while first < end:
            arrays = self.grown(rows, cover)
            rows = arrays.rows
            first = operate(arrays, action, first, end)
        return self.written(rows)
