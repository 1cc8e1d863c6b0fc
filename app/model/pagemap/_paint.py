"""The compiled core of the page map: do one operation to one range of pages, row by row.

These functions take the arrays of a `pagetree.Tree` one by one: compiled code counts references
for each access to a member of a tuple, which costs more than the work itself.
"""

from app.compiled import constant, hot_part
from app.model.events import ChangeArray
from app.model.guest import GFN_LIMIT
from app.model.pagemap._blocks import paint_block
from app.model.pagemap._change_rows import ROOM, emit
from app.model.pagemap._rules import CODES, NEXT, TRANSITIONS, UNTOUCHED
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    DEFAULT,
    FREE_BITMAPS,
    GROUP_SHIFT,
    GROUPS,
    GROUPS_USED,
    LEAF_SHIFT,
    LEAVES,
    ROWS,
    Bitmaps,
    Dirty,
    Meta,
    Nodes,
    free_bitmap,
    mark_dirty,
    split_group,
    split_leaf,
)

NOWHERE = constant(-1)
FAR = constant(GFN_LIMIT + ROOM)
"""Before the first and past the last of all blocks. Constants that compiled functions pass on are
numpy's: each plain int would have its own version of the function compiled for it."""


@hot_part
def has_room(nodes: Nodes, meta: Meta, rows: ChangeArray) -> bool:
    return bool(
        rows.size - meta[ROWS] >= ROOM
        and meta[FREE_BITMAPS] >= 2
        and GROUPS + (meta[GROUPS_USED] + 2) * LEAVES <= nodes.size
    )


@hot_part
def is_constant(meta: Meta, operation: int, place: int) -> bool:
    """Do pages of every code end in the same code?"""
    default = meta[DEFAULT]
    code = TRANSITIONS[default, operation, place, UNTOUCHED, NEXT]
    for other in range(UNTOUCHED + 1, CODES):
        if TRANSITIONS[default, operation, place, other, NEXT] != code:
            return False
    return True


@hot_part
def paint_node(
    nodes: Nodes,
    dirty: Dirty,
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    t: int,
    event: int,
    node: int,
    first: int,
    end: int,
    size: int,
) -> bool:
    """Paint [first, end) of a node of `size` pages if it is uniform and stays so."""
    code = nodes[node]
    if code >= CODES:
        return False
    following = TRANSITIONS[meta[DEFAULT], operation, place, code, NEXT]
    if following != code and end - first < size:
        return False
    emit(meta, rows, operation, place, code, t, event, first, end - first)
    if following != code:
        nodes[node] = following
        mark_dirty(dirty, meta, first >> GROUP_SHIFT, node)
    return True


@hot_part
def paint_leaf(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    t: int,
    event: int,
    node: int,
    first: int,
    end: int,
    counted_before: int,
    counted_after: int,
) -> int:
    """Paint [first, end) of one leaf, block by block. Returns how far it came.

    Mixed blocks are counted if they begin before `counted_before` or end after `counted_after`.
    """
    size = 1 << LEAF_SHIFT
    if paint_node(nodes, dirty, meta, rows, operation, place, t, event, node, first, end, size):
        return end
    if nodes[node] < CODES:
        split_leaf(nodes, bitmaps, meta, node)
    bitmap = nodes[node] - CODES
    position = first
    while position < end:
        if rows.size - meta[ROWS] < ROOM:
            return position
        block_first = position >> BLOCK_SHIFT << BLOCK_SHIFT
        block_end = block_first + ROOM
        stop = min(end, block_end)
        is_counted = block_first < counted_before or block_end > counted_after
        if paint_block(
            bitmaps, meta, rows, operation, place, t, event, bitmap, position, stop, is_counted
        ):
            mark_dirty(dirty, meta, first >> GROUP_SHIFT, node)
        position = stop
    if end - first == size and is_constant(meta, operation, place):
        free_bitmap(bitmaps, meta, bitmap)
        nodes[node] = TRANSITIONS[meta[DEFAULT], operation, place, UNTOUCHED, NEXT]
    return end


@hot_part
def paint(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    t: int,
    event: int,
    first: int,
    end: int,
    counted_before: int,
    counted_after: int,
) -> int:
    """Paint [first, end), all of it in one place. Returns how far it came."""
    position = first
    while position < end:
        if not has_room(nodes, meta, rows):
            return position
        group = position >> GROUP_SHIFT
        stop = min(end, (group + 1) << GROUP_SHIFT)
        size = 1 << GROUP_SHIFT
        if paint_node(
            nodes, dirty, meta, rows, operation, place, t, event, group, position, stop, size
        ):
            position = stop
            continue
        if nodes[group] < CODES:
            split_group(nodes, dirty, meta, group)
        row = nodes[group] - CODES
        node = GROUPS + row * LEAVES + ((position >> LEAF_SHIFT) & (LEAVES - 1))
        stop = min(stop, ((position >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
        reached = paint_leaf(
            nodes,
            dirty,
            bitmaps,
            meta,
            rows,
            operation,
            place,
            t,
            event,
            node,
            position,
            stop,
            counted_before,
            counted_after,
        )
        if reached < stop:
            return reached
        position = stop
    return position
