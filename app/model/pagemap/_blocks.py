"""Painting the two bits a page of one 2 MiB block, in compiled code."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_part, signed
from app.model.events import ChangeArray
from app.model.guest import PageState
from app.model.pagemap._change_rows import emit
from app.model.pagemap._rules import NEXT, TRANSITIONS
from app.model.pagemap._tree import (
    ALL,
    BLOCK_SHIFT,
    BLOCKS,
    DEFAULT,
    MIXED,
    NONE,
    ROWS,
    WORDS,
    Bitmaps,
    Meta,
)

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
