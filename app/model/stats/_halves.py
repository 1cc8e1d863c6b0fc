"""Counting the pages that two page maps both know of, word by word: no run is listed."""

import numpy as np

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.guest import PageState
from app.model.pagemap import (
    ALL,
    CODES,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    NONE,
    UNTOUCHED,
    WORDS,
    Bitmaps,
    Nodes,
    PageMap,
    ones,
)
from app.model.stats._run_sets import Gfns, RunSet

Codes = int
"""A set of codes: bit n is set if code n is in it."""

NEVER_NAMED: Codes = constant(1 << UNTOUCHED)
ANYTHING: Codes = constant((1 << CODES) - 1)

PAIRS = np.uint64(0x5555_5555_5555_5555)
FOURS = np.uint64(0x3333_3333_3333_3333)
EIGHTS = np.uint64(0x0F0F_0F0F_0F0F_0F0F)
BYTES = np.uint64(0x0101_0101_0101_0101)
ONE, TWO, FOUR, TOP_BYTE = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


def put_into(*states: PageState) -> Codes:
    """Pages that some row put into one of these states."""
    return constant(sum(1 << (state + 1) for state in states))


def count_both(
    one: PageMap, codes: Codes, other: PageMap, other_codes: Codes, within: RunSet
) -> int:
    """How many pages of `within` have one of `codes` in a map, and of `other_codes` in another."""
    first = one.tree.nodes, one.tree.bitmaps, codes
    second = other.tree.nodes, other.tree.bitmaps, other_codes
    return int(count_in_trees(*first, *second, within.first, within.end))


@hot_in_place
def count_in_trees(
    nodes: Nodes,
    bitmaps: Bitmaps,
    codes: int,
    other_nodes: Nodes,
    other_bitmaps: Bitmaps,
    other_codes: int,
    firsts: Gfns,
    ends: Gfns,
) -> int:
    """As `count_both`, leaf by leaf."""
    count = 0
    for i in range(firsts.size):
        first = firsts[i]
        while first < ends[i]:
            end = min(ends[i], ((first >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
            code = node_at(nodes, first)
            other_code = node_at(other_nodes, first)
            if may_be(code, codes) and may_be(other_code, other_codes):
                if code < CODES and other_code < CODES:
                    count += end - first
                elif other_code < CODES:
                    count += count_in_bitmap(bitmaps, code - CODES, codes, first, end)
                elif code < CODES:
                    row = other_code - CODES
                    count += count_in_bitmap(other_bitmaps, row, other_codes, first, end)
                else:
                    row, other_row = code - CODES, other_code - CODES
                    count += count_in_bitmaps(
                        bitmaps, row, codes, other_bitmaps, other_row, other_codes, first, end
                    )
            first = end
    return count


@hot_part
def node_at(nodes: Nodes, gfn: int) -> int:
    """The code of the leaf in which a page lies, or `CODES` + the row of its bitmap."""
    code = nodes[gfn >> GROUP_SHIFT]
    if code < CODES:
        return int(code)
    return int(nodes[GROUPS + (code - CODES) * LEAVES + ((gfn >> LEAF_SHIFT) & (LEAVES - 1))])


@hot_part
def may_be(code: int, codes: int) -> bool:
    return code >= CODES or (codes >> code) & 1 != 0


@hot_in_place
def count_in_bitmap(bitmaps: Bitmaps, row: int, codes: int, first: int, end: int) -> int:
    """[first, end) of one leaf, 64 pages at a time."""
    count = 0
    last = (end - 1) >> 6
    for at in range(first >> 6, last + 1):
        found = chosen(bitmaps, row, codes, at)
        if at == first >> 6 or at == last:
            found &= covered(at, first, end)
        count += set_bits(found)
    return count


@hot_in_place
def count_in_bitmaps(
    bitmaps: Bitmaps,
    row: int,
    codes: int,
    other_bitmaps: Bitmaps,
    other_row: int,
    other_codes: int,
    first: int,
    end: int,
) -> int:
    """As `count_in_bitmap`, in two leaves."""
    count = 0
    last = (end - 1) >> 6
    for at in range(first >> 6, last + 1):
        both = chosen(bitmaps, row, codes, at) & chosen(other_bitmaps, other_row, other_codes, at)
        if at == first >> 6 or at == last:
            both &= covered(at, first, end)
        count += set_bits(both)
    return count


@hot_part
def covered(at: int, first: int, end: int) -> np.uint64:
    """Which of the 64 pages from `at << 6` on lie in [first, end)."""
    low, high = max(first, at << 6), min(end, (at + 1) << 6)
    return ones(low & 63, high - low)


@hot_part
def chosen(bitmaps: Bitmaps, row: int, codes: int, at: int) -> np.uint64:
    """Which of the 64 pages from `at << 6` on have one of the codes: without a branch, so that the
    compiler may do several words at once."""
    word = (at << 1) & (WORDS - 1)
    shared, private = bitmaps[row, word], bitmaps[row, word + 1]
    never_named = ~shared & ~private & mask_of(codes, 0)
    known = (shared & ~private & mask_of(codes, 1)) | (private & ~shared & mask_of(codes, 2))
    result: np.uint64 = never_named | known | (shared & private & mask_of(codes, 3))
    return result


@hot_part
def mask_of(codes: int, code: int) -> np.uint64:
    return ALL if (codes >> code) & 1 else NONE


@hot_part
def set_bits(word: np.uint64) -> int:
    """How many bits of a word are set: sums of two, four, eight, then all bits side by side."""
    word -= (word >> ONE) & PAIRS
    word = (word & FOURS) + ((word >> TWO) & FOURS)
    word = (word + (word >> FOUR)) & EIGHTS
    return signed((word * BYTES) >> TOP_BYTE)
