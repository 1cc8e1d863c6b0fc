"""The compiled way from a range of gfns to the pieces of it that one kind of memslot covers."""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part
from app.model.events import ChangeArray
from app.model.pagemap._blocks import is_mixed
from app.model.pagemap._paint import FAR, NOWHERE, paint
from app.model.pagemap._rules import CODES, Operation, Place
from app.model.pagemap._slot_cover import END, FIRST, PLACE, CoverArray
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    BLOCKS,
    DEFAULT,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    Bitmaps,
    Dirty,
    Meta,
    Nodes,
)

NO_MEMSLOT = constant(Place.NO_MEMSLOT)
FORGET = constant(Operation.FORGET)


@hot_part
def piece_at(cover: CoverArray, gfn: int) -> int:
    """The first piece that ends after `gfn`."""
    low, high = 0, cover.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if cover[middle, END] <= gfn:
            low = middle + 1
        else:
            high = middle
    return low


@hot_in_place
def drive(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    cover: CoverArray,
    operation: int,
    t: int,
    event: int,
    first: int,
    end: int,
) -> int:
    """Do one operation to [first, end), place by place.

    Mixed blocks are counted while events change attributes; what memslots change is the caller's.
    Returns how far it came: short of `end` if rows, leaves or bitmaps ran out.
    """
    position = first
    piece = piece_at(cover, position)
    while position < end:
        counted_before = cover[piece - 1, END] if piece > 0 else NOWHERE
        counted_after = cover[piece, FIRST] if piece < cover.shape[0] else FAR
        if counted_after <= position:
            place, stop = cover[piece, PLACE], min(end, cover[piece, END])
            counted_before = FAR
            piece += 1
        else:
            place, stop = NO_MEMSLOT, min(end, counted_after)
        if operation > FORGET:
            counted_before, counted_after = NOWHERE, FAR
        position = paint(
            nodes,
            dirty,
            bitmaps,
            meta,
            rows,
            operation,
            place,
            t,
            event,
            position,
            stop,
            counted_before,
            counted_after,
        )
        if position < stop:
            return position
    return position


@hot_in_place
def list_mixed(
    found: npt.NDArray[np.int64],
    nodes: Nodes,
    bitmaps: Bitmaps,
    meta: Meta,
    cover: CoverArray,
    first: int,
    end: int,
) -> int:
    """Mixed 2 MiB blocks that meet [first, end) and a piece of the cover.

    Writes as many of their numbers as there is room for; returns how many there are.
    """
    count = 0
    block = first >> BLOCK_SHIFT
    last = (end - 1) >> BLOCK_SHIFT
    for piece in range(piece_at(cover, first), cover.shape[0]):
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
            bitmap, in_leaf = nodes[node] - CODES, block & (BLOCKS - 1)
            if is_mixed(bitmaps, meta[DEFAULT], bitmap, in_leaf):
                if count < found.size:
                    found[count] = block
                count += 1
            block += 1
    return count
