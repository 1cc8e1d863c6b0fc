"""The compiled core of the page map: do one operation to one range of pages, row by row."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, GFN_LIMIT, ChangeArray, PageState
from app.model.jit import hot
from app.model.pagetree import (
    ANY_KNOWN,
    BLOCK_SHIFT,
    DEFAULT,
    FREE_BITMAPS,
    FREE_GROUPS,
    GROUP_SHIFT,
    LEAF_SHIFT,
    LEAVES,
    MIXED,
    TOTALS,
    WORDS,
    Tree,
)
from app.model.slotcover import Cover
from app.model.transitions import AFTER, BEFORE, CODES, IN_MEMSLOT, NEXT, NO_ROW, UNTOUCHED

ROWS, FLIPPED = range(2)
"""Indices into `Output.tally`: rows written; pages flipped between the two known states."""

ROOM = 1 << BLOCK_SHIFT
"""Rows that must be free before a block is painted: each of its pages may become one."""

SHARED = int(PageState.SHARED)
PRIVATE = int(PageState.PRIVATE)
NO_MEMSLOT = int(PageState.NO_MEMSLOT)

NONE = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

Rules = npt.NDArray[np.uint8]


class Output(NamedTuple):
    """Where rows go. A compiled call that finds no room stops and says how far it came."""

    rows: ChangeArray
    tally: npt.NDArray[np.int64]


def new_output(rows: int) -> Output:
    return Output(np.empty(rows + 2 * ROOM, CHANGE), np.zeros(2, np.int64))


def with_rows(output: Output) -> Output:
    """The same output with room for a block's rows."""
    size = len(output.rows)
    if size - output.tally[ROWS] >= ROOM:
        return output
    grown = np.empty(2 * size, CHANGE)
    grown[:size] = output.rows
    return output._replace(rows=grown)


def _bit_numbers() -> npt.NDArray[np.int64]:
    numbers = np.zeros(64, np.int64)
    for bit in range(64):
        numbers[((int(_DE_BRUIJN) << bit) & int(ALL)) >> 58] = bit
    return numbers


_DE_BRUIJN = np.uint64(0x03F7_9D71_B4CB_0A89)
_BIT_NUMBER = _bit_numbers()


@hot
def lowest_bit(word: np.uint64) -> int:
    """Number of the lowest set bit of a word that is not 0: each of the 64 isolated bits times
    a de Bruijn number has other top six bits."""
    isolated = word & (~word + ONE)
    return int(_BIT_NUMBER[np.int64((isolated * _DE_BRUIJN) >> np.uint64(58))])


@hot
def ones(first: int, count: int) -> np.uint64:
    """A word with `count` (1..64) set bits from bit `first` on."""
    return (ALL >> np.uint64(64 - count)) << np.uint64(first)


@hot
def has_room(tree: Tree, output: Output) -> bool:
    return (
        output.rows.size - output.tally[ROWS] >= ROOM
        and tree.meta[FREE_BITMAPS] >= 2
        and tree.meta[FREE_GROUPS] >= 2
    )


@hot
def emit(
    tree: Tree, output: Output, rules: Rules, code: int, t: int, event: int, first: int, npages: int
) -> None:
    """Write what the rules say of pages with this code, or lengthen the last row by them."""
    before, after = rules[code, BEFORE], rules[code, AFTER]
    is_inside = rules[code, IN_MEMSLOT] != 0
    if before == NO_ROW:
        return
    if before != after and is_inside:
        tree.meta[TOTALS + before] -= npages
        tree.meta[TOTALS + after] += npages
    if before + after == SHARED + PRIVATE:
        output.tally[FLIPPED] += npages
    rows, n = output.rows, output.tally[ROWS]
    if n > 0:
        last = rows[n - 1]
        if (
            last.gfn + last.npages == np.uint64(first)
            and last.before == before
            and last.after == after
            and last.event == event
            and last.in_memslot == is_inside
        ):
            rows[n - 1].npages = last.npages + np.uint64(npages)
            return
    rows[n].t = t
    rows[n].gfn = first
    rows[n].npages = npages
    rows[n].event = event
    rows[n].mixed_delta = 0
    rows[n].before = before
    rows[n].after = after
    rows[n].in_memslot = is_inside
    output.tally[ROWS] = n + 1


@hot
def is_mixed(tree: Tree, bitmap: int, block: int) -> bool:
    """Does a 2 MiB block hold pages known private and pages known shared?"""
    shared, private, untouched = NONE, NONE, NONE
    for word in range(block * 16, block * 16 + 16, 2):
        s, p = tree.bitmaps[bitmap, word], tree.bitmaps[bitmap, word + 1]
        shared |= s & ~p
        private |= p & ~s
        untouched |= ~(s | p)
    if tree.meta[DEFAULT] == SHARED:
        shared |= untouched
    elif tree.meta[DEFAULT] == PRIVATE:
        private |= untouched
    return bool(shared != NONE and private != NONE)


@hot
def code_mask(code: int, s: np.uint64, p: np.uint64) -> np.uint64:
    """Which pages of a word pair have this code."""
    return (s if code & 1 else ~s) & (p if code & 2 else ~p)


@hot
def paint_word(
    tree: Tree,
    output: Output,
    rules: Rules,
    t: int,
    event: int,
    bitmap: int,
    word: int,
    mask: np.uint64,
    gfn: int,
) -> bool:
    """Paint the masked pages of one word pair, `gfn` being its bit 0. True if a bit changed."""
    s, p = tree.bitmaps[bitmap, word], tree.bitmaps[bitmap, word + 1]
    new_s, new_p = s & ~mask, p & ~mask
    remaining = mask
    while remaining != NONE:
        bit = lowest_bit(remaining)
        shift = np.uint64(bit)
        code = np.int64((s >> shift) & ONE) + 2 * np.int64((p >> shift) & ONE)
        rest = ~((code_mask(code, s, p) & mask) >> shift)
        length = 64 if rest == NONE else lowest_bit(rest)
        run = ones(bit, length)
        if rules[code, NEXT] & 1:
            new_s |= run
        if rules[code, NEXT] & 2:
            new_p |= run
        emit(tree, output, rules, code, t, event, gfn + bit, length)
        remaining &= ~run
    if new_s == s and new_p == p:
        return False
    tree.bitmaps[bitmap, word] = new_s
    tree.bitmaps[bitmap, word + 1] = new_p
    return True


@hot
def paint_bitmap(
    tree: Tree,
    output: Output,
    rules: Rules,
    t: int,
    event: int,
    bitmap: int,
    first: int,
    end: int,
    counted: tuple[int, int],
) -> tuple[int, bool]:
    """Paint [first, end) of one leaf, block by block.

    Mixed blocks are counted if they begin before counted[0] or end after counted[1].
    Returns how far it came (short of `end` if there was no room) and whether a bit changed.
    """
    has_changed = False
    position = first
    while position < end:
        if output.rows.size - output.tally[ROWS] < ROOM:
            break
        block_first = position >> BLOCK_SHIFT << BLOCK_SHIFT
        block_end = block_first + (1 << BLOCK_SHIFT)
        stop = min(end, block_end)
        block = (block_first >> BLOCK_SHIFT) & ((1 << (LEAF_SHIFT - BLOCK_SHIFT)) - 1)
        is_counted = block_first < counted[0] or block_end > counted[1]
        was_mixed = is_counted and is_mixed(tree, bitmap, block)
        block_changed = False
        while position < stop:
            bit = position & 63
            count = min(stop - position, 64 - bit)
            word = (position >> 6 << 1) & (WORDS - 1)
            if paint_word(
                tree, output, rules, t, event, bitmap, word, ones(bit, count), position - bit
            ):
                block_changed = True
            position += count
        if block_changed:
            has_changed = True
            if is_counted:
                delta = np.int64(is_mixed(tree, bitmap, block)) - np.int64(was_mixed)
                if delta != 0:
                    tree.meta[MIXED] += delta
                    output.rows[output.tally[ROWS] - 1].mixed_delta += np.int32(delta)
    return position, has_changed


@hot
def split_group(tree: Tree, group: int) -> None:
    """Give a uniform group its leaves."""
    tree.meta[FREE_GROUPS] -= 1
    row = tree.free_groups[tree.meta[FREE_GROUPS]]
    tree.leaves[row, :] = tree.groups[group]
    tree.leaf_dirty[row, :] = tree.group_dirty[group]
    tree.groups[group] = CODES + row


@hot
def split_leaf(tree: Tree, row: int, leaf: int) -> None:
    """Give a uniform leaf its bitmap."""
    code = tree.leaves[row, leaf]
    tree.meta[FREE_BITMAPS] -= 1
    bitmap = tree.free_bitmaps[tree.meta[FREE_BITMAPS]]
    tree.bitmaps[bitmap, 0::2] = ALL if code & 1 else NONE
    tree.bitmaps[bitmap, 1::2] = ALL if code & 2 else NONE
    tree.leaves[row, leaf] = CODES + bitmap


@hot
def free_leaf(tree: Tree, row: int, leaf: int, code: int) -> None:
    """Make a leaf uniform, whatever it was."""
    if tree.leaves[row, leaf] >= CODES:
        tree.free_bitmaps[tree.meta[FREE_BITMAPS]] = tree.leaves[row, leaf] - CODES
        tree.meta[FREE_BITMAPS] += 1
    tree.leaves[row, leaf] = code


@hot
def is_constant(rules: Rules) -> bool:
    """Do all pages end in the same code?"""
    return (
        rules[0, NEXT] == rules[1, NEXT]
        and rules[0, NEXT] == rules[2, NEXT]
        and rules[0, NEXT] == rules[3, NEXT]
    )


@hot
def paint_leaf(
    tree: Tree,
    output: Output,
    rules: Rules,
    t: int,
    event: int,
    row: int,
    first: int,
    end: int,
    counted: tuple[int, int],
) -> int:
    """Paint [first, end) of one leaf of a split group. Returns how far it came."""
    group, leaf = first >> GROUP_SHIFT, (first >> LEAF_SHIFT) & (LEAVES - 1)
    code = tree.leaves[row, leaf]
    is_whole = end - first == 1 << LEAF_SHIFT
    if code < CODES and (is_whole or rules[code, NEXT] == code):
        emit(tree, output, rules, code, t, event, first, end - first)
        if rules[code, NEXT] != code:
            tree.leaves[row, leaf] = rules[code, NEXT]
            mark_dirty(tree, group, row, leaf)
        return end
    if code < CODES:
        split_leaf(tree, row, leaf)
    bitmap = tree.leaves[row, leaf] - CODES
    position, has_changed = paint_bitmap(tree, output, rules, t, event, bitmap, first, end, counted)
    if has_changed:
        mark_dirty(tree, group, row, leaf)
    if is_whole and position == end and is_constant(rules):
        free_leaf(tree, row, leaf, rules[UNTOUCHED, NEXT])
    return position


@hot
def mark_dirty(tree: Tree, group: int, row: int, leaf: int) -> None:
    tree.leaf_dirty[row, leaf] = 1
    tree.group_dirty[group] = 1
    tree.meta[ANY_KNOWN] = 1


@hot
def paint(
    tree: Tree,
    output: Output,
    rules: Rules,
    t: int,
    event: int,
    first: int,
    end: int,
    counted: tuple[int, int],
) -> int:
    """Paint [first, end), all of it in one place. Returns how far it came."""
    position = first
    while position < end:
        if not has_room(tree, output):
            return position
        group = position >> GROUP_SHIFT
        group_first = group << GROUP_SHIFT
        stop = min(end, group_first + (1 << GROUP_SHIFT))
        code = tree.groups[group]
        if code < CODES:
            is_whole = stop - position == 1 << GROUP_SHIFT
            if is_whole or rules[code, NEXT] == code:
                emit(tree, output, rules, code, t, event, position, stop - position)
                if rules[code, NEXT] != code:
                    tree.groups[group] = rules[code, NEXT]
                    tree.group_dirty[group] = 1
                    tree.meta[ANY_KNOWN] = 1
                position = stop
                continue
            split_group(tree, group)
        stop = min(stop, ((position >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
        row = tree.groups[group] - CODES
        reached = paint_leaf(tree, output, rules, t, event, row, position, stop, counted)
        if reached < stop:
            return reached
        position = stop
    return position


@hot
def drive(
    tree: Tree,
    cover: Cover,
    output: Output,
    rules: Rules,
    t: int,
    event: int,
    first: int,
    end: int,
    counts_mixed: bool,
) -> int:
    """Do one operation ([Place, code] rules) to [first, end), place by place.

    Returns how far it came: short of `end` if rows, groups or bitmaps ran out.
    """
    position = first
    piece = np.searchsorted(cover.end, position, side="right")
    while position < end:
        gap_first = cover.end[piece - 1] if piece > 0 else -1
        gap_end = cover.first[piece] if piece < cover.first.size else GFN_LIMIT + ROOM
        if gap_end <= position:
            place, stop = cover.place[piece], min(end, cover.end[piece])
            counted = (GFN_LIMIT, 0)
            piece += 1
        else:
            place, stop = np.uint8(0), min(end, gap_end)
            counted = (gap_first, gap_end)
        if not counts_mixed:
            counted = (-1, GFN_LIMIT + ROOM)
        reached = paint(tree, output, rules[place], t, event, position, stop, counted)
        if reached < stop:
            return reached
        position = stop
    return position


@hot
def count_mixed(tree: Tree, cover: Cover, first: int, end: int) -> int:
    """Mixed 2 MiB blocks that meet [first, end) and a piece of the cover."""
    count = 0
    done = first >> BLOCK_SHIFT
    last = (end - 1) >> BLOCK_SHIFT
    for piece in range(cover.first.size):
        block = max(done, cover.first[piece] >> BLOCK_SHIFT)
        stop = min(last, (cover.end[piece] - 1) >> BLOCK_SHIFT) + 1
        while block < stop:
            gfn = block << BLOCK_SHIFT
            group = tree.groups[gfn >> GROUP_SHIFT]
            if group < CODES:
                block = ((gfn >> GROUP_SHIFT) + 1) << (GROUP_SHIFT - BLOCK_SHIFT)
                continue
            leaf = tree.leaves[group - CODES, (gfn >> LEAF_SHIFT) & (LEAVES - 1)]
            if leaf < CODES:
                block = ((gfn >> LEAF_SHIFT) + 1) << (LEAF_SHIFT - BLOCK_SHIFT)
                continue
            in_leaf = block & ((1 << (LEAF_SHIFT - BLOCK_SHIFT)) - 1)
            count += np.int64(is_mixed(tree, leaf - CODES, in_leaf))
            block += 1
        done = max(done, stop)
    return count
