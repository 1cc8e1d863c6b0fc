"""The compiled core of the page map: do one operation to one range of pages, row by row.

These functions take the arrays of a `pagetree.Tree` one by one: compiled code counts references
for each access to a member of a tuple, which costs more than the work itself.
"""

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, GFN_LIMIT, ChangeArray, PageState
from app.model.jit import constant, hot_part, signed
from app.model.pagetree import (
    ALL,
    BLOCK_SHIFT,
    BLOCKS,
    DEFAULT,
    FLIPPED,
    FREE_BITMAPS,
    GROUP_SHIFT,
    GROUPS,
    GROUPS_USED,
    LEAF_SHIFT,
    LEAVES,
    MIXED,
    NONE,
    ROWS,
    TOTALS,
    WORDS,
    Bitmaps,
    Dirty,
    Meta,
    Nodes,
    free_bitmap,
    mark_dirty,
    split_group,
    split_leaf,
)
from app.model.transitions import (
    AFTER,
    BEFORE,
    CODES,
    IN_MEMSLOT,
    NEXT,
    NO_ROW,
    TRANSITIONS,
    UNTOUCHED,
)

ROOM = 1 << BLOCK_SHIFT
"""Rows that must be free before a block is painted: each of its pages may become one."""

NOWHERE = constant(-1)
FAR = constant(GFN_LIMIT + ROOM)
"""Before the first and past the last of all blocks. Constants that compiled functions pass on are
numpy's: each plain int would have its own version of the function compiled for it."""

SHARED = int(PageState.SHARED)
PRIVATE = int(PageState.PRIVATE)
ONE = np.uint64(1)
_DE_BRUIJN = np.uint64(0x03F7_9D71_B4CB_0A89)


def _bit_numbers() -> npt.NDArray[np.int64]:
    numbers = np.zeros(64, np.int64)
    for bit in range(64):
        numbers[((int(_DE_BRUIJN) << bit) & int(ALL)) >> 58] = bit
    return numbers


_BIT_NUMBER = _bit_numbers()


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
def lowest_bit(word: np.uint64) -> int:
    """Number of the lowest set bit of a word that is not 0: each of the 64 isolated bits times
    a de Bruijn number has other top six bits."""
    isolated = word & (~word + ONE)
    return int(_BIT_NUMBER[signed((isolated * _DE_BRUIJN) >> np.uint64(58))])


@hot_part
def ones(first: int, count: int) -> np.uint64:
    """A word with `count` (1..64) set bits from bit `first` on."""
    return (ALL >> np.uint64(64 - count)) << np.uint64(first)


@hot_part
def has_room(nodes: Nodes, meta: Meta, rows: ChangeArray) -> bool:
    return bool(
        rows.size - meta[ROWS] >= ROOM
        and meta[FREE_BITMAPS] >= 2
        and GROUPS + (meta[GROUPS_USED] + 2) * LEAVES <= nodes.size
    )


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
    """Write what the operation tells of pages with this code, or lengthen the last row by them."""
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


@hot_part
def is_mixed(bitmaps: Bitmaps, default: int, bitmap: int, block: int) -> bool:
    """Does a 2 MiB block hold pages known private and pages known shared?"""
    shared, private, untouched = NONE, NONE, NONE
    for word in range(block * 16, block * 16 + 16, 2):
        s, p = bitmaps[bitmap, word], bitmaps[bitmap, word + 1]
        shared |= s & ~p
        private |= p & ~s
        untouched |= ~(s | p)
    if default == SHARED:
        shared |= untouched
    elif default == PRIVATE:
        private |= untouched
    return bool(shared != NONE and private != NONE)


@hot_part
def paint_word(
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    t: int,
    event: int,
    bitmap: int,
    word: int,
    mask: np.uint64,
    gfn: int,
) -> bool:
    """Paint the masked pages of one word pair, `gfn` being its bit 0. True if a bit changed."""
    s, p = bitmaps[bitmap, word], bitmaps[bitmap, word + 1]
    new_s, new_p = s & ~mask, p & ~mask
    remaining = mask
    while remaining != NONE:
        bit = lowest_bit(remaining)
        shift = np.uint64(bit)
        code = signed((s >> shift) & ONE) + 2 * signed((p >> shift) & ONE)
        same = (s if code & 1 else ~s) & (p if code & 2 else ~p) & mask
        rest = ~(same >> shift)
        length = 64 if rest == NONE else lowest_bit(rest)
        run = ones(bit, length)
        following = TRANSITIONS[meta[DEFAULT], operation, place, code, NEXT]
        if following & 1:
            new_s |= run
        if following & 2:
            new_p |= run
        emit(meta, rows, operation, place, code, t, event, gfn + bit, length)
        remaining &= ~run
    if new_s == s and new_p == p:
        return False
    bitmaps[bitmap, word] = new_s
    bitmaps[bitmap, word + 1] = new_p
    return True


@hot_part
def paint_block(
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    operation: int,
    place: int,
    t: int,
    event: int,
    bitmap: int,
    first: int,
    end: int,
    is_counted: bool,
) -> bool:
    """Paint [first, end) of one 2 MiB block and count it if it becomes, or stops being, mixed.

    True if a bit changed.
    """
    block = (first >> BLOCK_SHIFT) & (BLOCKS - 1)
    was_mixed = is_counted and is_mixed(bitmaps, meta[DEFAULT], bitmap, block)
    has_changed = False
    position = first
    while position < end:
        bit = position & 63
        count = min(end - position, 64 - bit)
        word = (position >> 6 << 1) & (WORDS - 1)
        mask, gfn = ones(bit, count), position - bit
        if paint_word(bitmaps, meta, rows, operation, place, t, event, bitmap, word, mask, gfn):
            has_changed = True
        position += count
    if has_changed and is_counted:
        now_mixed = is_mixed(bitmaps, meta[DEFAULT], bitmap, block)
        if now_mixed != was_mixed:
            delta = 1 if now_mixed else -1
            meta[MIXED] += delta
            rows[meta[ROWS] - 1].mixed_delta += delta
    return has_changed


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
