"""Painting the two bits a page of one 2 MiB block, in compiled code."""

import numpy as np

from app.compiled import NO_BITS, hot_part, lowest_bit, ones, signed
from app.model.guest import PageState
from app.model.pagemap._change_rows import emit
from app.model.pagemap._map_arrays import ROOM, Action, MapArrays, Site
from app.model.pagemap._rules import NEXT, TRANSITIONS
from app.model.pagemap._tree import BLOCK_SHIFT, BLOCKS, DEFAULT, MIXED, ROWS, WORDS, Tree

ONE = np.uint64(1)


@hot_part
def is_mixed(tree: Tree, bitmap: int, block: int) -> bool:
    """Does a 2 MiB block hold pages known private and pages known shared?"""
    shared, private, untouched = NO_BITS, NO_BITS, NO_BITS
    for word in range(block * 16, block * 16 + 16, 2):
        s, p = tree.bitmaps[bitmap, word], tree.bitmaps[bitmap, word + 1]
        shared |= s & ~p
        private |= p & ~s
        untouched |= ~(s | p)
    if tree.meta[DEFAULT] == PageState.SHARED:
        shared |= untouched
    elif tree.meta[DEFAULT] == PageState.PRIVATE:
        private |= untouched
    return bool(shared != NO_BITS and private != NO_BITS)


@hot_part
def paint_word(
    arrays: MapArrays, action: Action, place: int, bitmap: int, gfn: int, mask: np.uint64
) -> bool:
    """Paint the masked ones of 64 pages, `gfn` being the first. True if a bit changed."""
    bitmaps, meta = arrays.tree.bitmaps, arrays.tree.meta
    word = (gfn >> 6 << 1) & (WORDS - 1)
    s, p = bitmaps[bitmap, word], bitmaps[bitmap, word + 1]
    new_s, new_p = s & ~mask, p & ~mask
    remaining = mask
    while remaining != NO_BITS:
        bit = lowest_bit(remaining)
        shift = np.uint64(bit)
        code = signed((s >> shift) & ONE) + 2 * signed((p >> shift) & ONE)
        same = (s if code & 1 else ~s) & (p if code & 2 else ~p) & mask
        rest = ~(same >> shift)
        length = 64 if rest == NO_BITS else lowest_bit(rest)
        run = ones(bit, length)
        following = TRANSITIONS[meta[DEFAULT], action.operation, place, code, NEXT]
        if following & 1:
            new_s |= run
        if following & 2:
            new_p |= run
        emit(arrays, action, place, code, gfn + bit, length)
        remaining &= ~run
    if new_s == s and new_p == p:
        return False
    bitmaps[bitmap, word] = new_s
    bitmaps[bitmap, word + 1] = new_p
    return True


@hot_part
def paint_block(
    arrays: MapArrays, action: Action, site: Site, bitmap: int, first: int, end: int
) -> bool:
    """Paint [first, end) of one 2 MiB block and count it if it becomes, or stops being, mixed.

    True if a bit changed.
    """
    tree, block = arrays.tree, (first >> BLOCK_SHIFT) & (BLOCKS - 1)
    block_first = first >> BLOCK_SHIFT << BLOCK_SHIFT
    is_counted = block_first < site.counted_before or block_first + ROOM > site.counted_after
    was_mixed = is_counted and is_mixed(tree, bitmap, block)
    has_changed = False
    position = first
    while position < end:
        bit = position & 63
        count = min(end - position, 64 - bit)
        mask = ones(bit, count)
        if paint_word(arrays, action, site.place, bitmap, position - bit, mask):
            has_changed = True
        position += count
    if has_changed and is_counted:
        now_mixed = is_mixed(tree, bitmap, block)
        if now_mixed != was_mixed:
            delta = 1 if now_mixed else -1
            tree.meta[MIXED] += delta
            arrays.rows[tree.meta[ROWS] - 1].mixed_delta += delta
    return has_changed
