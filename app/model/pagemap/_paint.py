"""The compiled core of the page map: do one operation to one range of pages, row by row."""

from app.compiled import hot_part
from app.model.pagemap._blocks import paint_block
from app.model.pagemap._change_rows import emit
from app.model.pagemap._map_arrays import ROOM, Action, MapArrays, Site, has_room
from app.model.pagemap._rules import CODES, NEXT, TRANSITIONS, UNTOUCHED
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    DEFAULT,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    ROWS,
    Meta,
    free_bitmap,
    mark_dirty,
    split_group,
    split_leaf,
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
    arrays: MapArrays, action: Action, place: int, node: int, first: int, end: int
) -> bool:
    """Paint [first, end) of a group or a leaf if it is uniform and stays so."""
    tree = arrays.tree
    code = tree.nodes[node]
    if code >= CODES:
        return False
    following = TRANSITIONS[tree.meta[DEFAULT], action.operation, place, code, NEXT]
    if following != code and end - first < 1 << (GROUP_SHIFT if node < GROUPS else LEAF_SHIFT):
        return False
    emit(arrays, action, place, code, first, end - first)
    if following != code:
        tree.nodes[node] = following
        mark_dirty(tree, first >> GROUP_SHIFT, node)
    return True


@hot_part
def paint_leaf(
    arrays: MapArrays, action: Action, site: Site, node: int, first: int, end: int
) -> int:
    """Paint [first, end) of one leaf, block by block. Returns how far it came."""
    tree = arrays.tree
    nodes, meta = tree.nodes, tree.meta
    if paint_node(arrays, action, site.place, node, first, end):
        return end
    if nodes[node] < CODES:
        split_leaf(tree, node)
    bitmap = nodes[node] - CODES
    position = first
    while position < end:
        if arrays.rows.size - meta[ROWS] < ROOM:
            return position
        stop = min(end, ((position >> BLOCK_SHIFT) + 1) << BLOCK_SHIFT)
        if paint_block(arrays, action, site, bitmap, position, stop):
            mark_dirty(tree, first >> GROUP_SHIFT, node)
        position = stop
    if end - first == 1 << LEAF_SHIFT and is_constant(meta, action.operation, site.place):
        free_bitmap(tree, bitmap)
        nodes[node] = TRANSITIONS[meta[DEFAULT], action.operation, site.place, UNTOUCHED, NEXT]
    return end


@hot_part
def paint(arrays: MapArrays, action: Action, site: Site, first: int, end: int) -> int:
    """Paint [first, end), all of it in one place. Returns how far it came."""
    nodes = arrays.tree.nodes
    position = first
    while position < end:
        if not has_room(arrays):
            return position
        group = position >> GROUP_SHIFT
        stop = min(end, (group + 1) << GROUP_SHIFT)
        if paint_node(arrays, action, site.place, group, position, stop):
            position = stop
            continue
        if nodes[group] < CODES:
            split_group(arrays.tree, group)
        row = nodes[group] - CODES
        node = GROUPS + row * LEAVES + ((position >> LEAF_SHIFT) & (LEAVES - 1))
        stop = min(stop, ((position >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
        reached = paint_leaf(arrays, action, site, node, position, stop)
        if reached < stop:
            return reached
        position = stop
    return position
