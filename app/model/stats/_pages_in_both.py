"""Counting the pages that two page maps both know of, word by word: no run is listed."""

from typing import NamedTuple

import numpy as np

from app.compiled import ALL_BITS, NO_BITS, constant, hot_in_place, hot_part, ones, set_bits
from app.model.guest import PageState
from app.model.pagemap import (
    CODES,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    UNTOUCHED,
    WORDS,
    Bitmaps,
    Nodes,
    PageMap,
)
from app.model.stats._run_sets import Gfns, RunSet

Codes = int
"""A set of codes: bit n is set if code n is in it."""

NEVER_NAMED: Codes = constant(1 << UNTOUCHED)
ANYTHING: Codes = constant((1 << CODES) - 1)


class Selection(NamedTuple):
    """The pages of a page map that have one of some codes."""

    nodes: Nodes
    bitmaps: Bitmaps
    codes: Codes


def put_into(*states: PageState) -> Codes:
    """Pages that some row put into one of these states."""
    return constant(sum(1 << (state + 1) for state in states))


def pages_in_both(
    one: PageMap, codes: Codes, other: PageMap, other_codes: Codes, within: RunSet
) -> int:
    """How many pages of `within` have one of `codes` in a map, and of `other_codes` in another."""
    first = Selection(one.tree.nodes, one.tree.bitmaps, codes)
    second = Selection(other.tree.nodes, other.tree.bitmaps, other_codes)
    return int(count_in_trees(first, second, within.first, within.end))


@hot_in_place
def count_in_trees(one: Selection, other: Selection, firsts: Gfns, ends: Gfns) -> int:
    """As `pages_in_both`, leaf by leaf."""
    count = 0
    for i in range(firsts.size):
        first = firsts[i]
        while first < ends[i]:
            end = min(ends[i], ((first >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
            code, other_code = node_at(one.nodes, first), node_at(other.nodes, first)
            row, other_row = code - CODES, other_code - CODES
            if may_be(code, one.codes) and may_be(other_code, other.codes):
                if row < 0 and other_row < 0:
                    count += end - first
                elif other_row < 0:
                    count += count_in_bitmap(one, row, first, end)
                elif row < 0:
                    count += count_in_bitmap(other, other_row, first, end)
                else:
                    count += count_in_bitmaps(one, row, other, other_row, first, end)
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
def may_be(code: int, codes: Codes) -> bool:
    return code >= CODES or (codes >> code) & 1 != 0


@hot_in_place
def count_in_bitmap(pages: Selection, row: int, first: int, end: int) -> int:
    """[first, end) of one leaf, 64 pages at a time."""
    count = 0
    last = (end - 1) >> 6
    for at in range(first >> 6, last + 1):
        found = chosen(pages, row, at)
        if at == first >> 6 or at == last:
            found &= covered(at, first, end)
        count += set_bits(found)
    return count


@hot_in_place
def count_in_bitmaps(
    one: Selection, row: int, other: Selection, other_row: int, first: int, end: int
) -> int:
    """As `count_in_bitmap`, in two leaves."""
    count = 0
    last = (end - 1) >> 6
    for at in range(first >> 6, last + 1):
        both = chosen(one, row, at) & chosen(other, other_row, at)
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
def chosen(pages: Selection, row: int, at: int) -> np.uint64:
    """Which of the 64 pages from `at << 6` on have one of the codes: without a branch, so that the
    compiler may do several words at once."""
    word = (at << 1) & (WORDS - 1)
    shared, private = pages.bitmaps[row, word], pages.bitmaps[row, word + 1]
    never_named = ~shared & ~private & mask_of(pages.codes, 0)
    is_shared = shared & ~private & mask_of(pages.codes, 1)
    is_private = private & ~shared & mask_of(pages.codes, 2)
    is_unknown = shared & private & mask_of(pages.codes, 3)
    result: np.uint64 = never_named | is_shared | is_private | is_unknown
    return result


@hot_part
def mask_of(codes: Codes, code: int) -> np.uint64:
    return ALL_BITS if (codes >> code) & 1 else NO_BITS
