"""Which changes brought pages back: those of pages that a conversion had flipped before.

A flip (see `flips`) takes a page from private to shared or the other way. The first of a page is
how it came to be what it is; each further one brings it back to a state that it was in: a *return*.
So a page that was flipped n times has n - 1 returns, whatever window they are looked at in.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import NO_BITS, constant, hot_in_place, hot_part, lowest_bit, ones, signed
from app.model.events import ChangeArray
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap import LEAF_SHIFT

LEAF_PAGES = 1 << LEAF_SHIFT
LEAF_WORDS = 1 << (LEAF_SHIFT - 6)
NONE, ALL = constant(0), constant(-1)
"""In place of a bitmap's number (from 1 on): no page of the GiB was ever flipped, or each was."""
INDEX, BORDERS, USED = range(3)
"""The cursor of `mark_rows`: the change it is at, borders found, bitmaps used."""
MOST_BITMAPS = 2
"""One run needs no more: only at its ends can a GiB be flipped in part."""

Leaves = npt.NDArray[np.int32]
Bitmaps = npt.NDArray[np.uint64]
Cursor = npt.NDArray[np.int64]
Borders = npt.NDArray[np.int64]
"""[n, 2]: the change that is divided, ascending, and the gfn where a further part of it begins."""


class FlipHistory:
    """The pages of one VM that were flipped so far."""

    def __init__(self) -> None:
        # No longer than up to the last page that was flipped: there may be thousands of VMs.
        self._leaves: Leaves = np.zeros(0, np.int32)
        self._bitmaps: Bitmaps = np.zeros((0, LEAF_WORDS), np.uint64)
        self._used = 0
        self._borders: Borders = np.zeros((1 << 8, 2), np.int64)

    def mark(self, changes: ChangeArray) -> ChangeArray:
        """For each of the changes, which follow those marked before, whether it is a return.

        They are changed in place, and returned. Runs of which only some pages were flipped before
        are divided; a run's mark of its last block (`mixed_delta`) stays with its last part.
        """
        cursor = np.array([0, 0, self._used], np.int64)
        while True:
            mark_rows(self._leaves, self._bitmaps, changes, self._borders, cursor)
            self._used = int(cursor[USED])
            if cursor[INDEX] == len(changes):
                return divided(changes, self._borders[: cursor[BORDERS]])
            self._make_room(changes[cursor[INDEX]], int(cursor[BORDERS]))

    def _make_room(self, change: np.void, used: int) -> None:
        if len(self._bitmaps) < self._used + MOST_BITMAPS:
            bitmaps = np.zeros((2 * self._used + 8, LEAF_WORDS), np.uint64)
            bitmaps[: self._used] = self._bitmaps[: self._used]
            self._bitmaps = bitmaps
        first, npages = int(change["gfn"]), int(change["npages"])
        leaves = (first + npages + LEAF_PAGES - 1) >> LEAF_SHIFT
        if len(self._leaves) < leaves:
            more = min(max(leaves, 2 * len(self._leaves)), GFN_LIMIT >> LEAF_SHIFT)
            self._leaves = np.append(self._leaves, np.zeros(more - len(self._leaves), np.int32))
        parts = count_parts(self._leaves, self._bitmaps, first, first + npages)
        if len(self._borders) < used + parts:
            borders = np.zeros((2 * (used + parts), 2), np.int64)
            borders[:used] = self._borders[:used]
            self._borders = borders


def divided(changes: ChangeArray, borders: Borders) -> ChangeArray:
    """Changes, marked for their first parts, in parts of which every second one is marked alike."""
    if not len(borders):
        return changes
    rows = np.empty(len(changes) + len(borders), changes.dtype)
    divide(changes, borders, rows)
    return rows


def mixed_runs(changes: ChangeArray) -> ChangeArray:
    """The changes that broke or healed a 2 MiB block, with the parts of one run joined again."""
    before, after = changes[:-1], changes[1:]
    is_part = (before["gfn"] + before["npages"] == after["gfn"]) & (before["mixed_delta"] == 0)
    is_part &= (before["is_return"] != after["is_return"]) & (after["event"] >= 0)
    for name in ("event", "before", "after", "in_memslot"):
        is_part &= before[name] == after[name]
    index = np.arange(len(changes))
    is_whole = np.append(True, ~is_part)[: len(changes)]
    first = np.maximum.accumulate(np.where(is_whole, index, 0))
    is_mixed = changes["mixed_delta"] != 0
    runs: ChangeArray = changes[is_mixed]
    starts = changes["gfn"][first[is_mixed]]
    runs["npages"] += runs["gfn"] - starts
    runs["gfn"] = starts
    return runs


@hot_in_place
def divide(changes: ChangeArray, borders: Borders, rows: ChangeArray) -> None:
    border, written = 0, 0
    for index in range(changes.size):
        rows[written] = changes[index]
        while border < borders.shape[0] and borders[border, 0] == index:
            row, rest = rows[written], rows[written + 1]
            rows[written + 1] = rows[written]
            length = np.uint64(borders[border, 1]) - row.gfn
            rest.gfn += length
            rest.npages -= length
            rest.is_return = not row.is_return
            row.npages = length
            row.mixed_delta = 0
            written += 1
            border += 1
        written += 1


@hot_in_place
def mark_rows(
    leaves: Leaves, bitmaps: Bitmaps, changes: ChangeArray, borders: Borders, cursor: Cursor
) -> None:
    """Mark changes from the cursor on, as far as there is room for leaves, borders and bitmaps."""
    for index in range(cursor[INDEX], changes.size):
        cursor[INDEX] = index
        change = changes[index]
        change.is_return = False
        is_flip = change.before + change.after == PageState.SHARED + PageState.PRIVATE
        if not is_flip or change.before == change.after or change.event < 0:
            continue
        first = signed(change.gfn)
        end = first + signed(change.npages)
        if end > leaves.size << LEAF_SHIFT:
            return
        leaf, bit = leaves[first >> LEAF_SHIFT], first & 63
        if leaf > NONE and bit + end - first <= 64:  # nearly always
            word, pages = (first >> 6) & (LEAF_WORDS - 1), ones(bit, end - first)
            flipped = bitmaps[leaf - 1, word] & pages
            are_all = flipped == pages
            if are_all or flipped == NO_BITS:
                change.is_return = are_all
                bitmaps[leaf - 1, word] |= pages
                continue
        if bitmaps.shape[0] - cursor[USED] < MOST_BITMAPS:
            return
        stop = part_end(leaves, bitmaps, first, end)
        if stop < end:
            room = borders.shape[0] - cursor[BORDERS]
            if room < count_parts(leaves, bitmaps, stop, end):
                return
            add_borders(leaves, bitmaps, borders, cursor, stop, end)
        change.is_return = was_flipped(leaves, bitmaps, first)
        add_run(leaves, bitmaps, cursor, first, end)
    cursor[INDEX] = changes.size


@hot_part
def add_borders(
    leaves: Leaves, bitmaps: Bitmaps, borders: Borders, cursor: Cursor, first: int, end: int
) -> None:
    position = first
    while position < end:
        borders[cursor[BORDERS], 0] = cursor[INDEX]
        borders[cursor[BORDERS], 1] = position
        cursor[BORDERS] += 1
        position = part_end(leaves, bitmaps, position, end)


@hot_in_place
def count_parts(leaves: Leaves, bitmaps: Bitmaps, first: int, end: int) -> int:
    """Into how many parts [first, end) falls, each flipped before or not."""
    count, position = 0, first
    while position < end:
        position = part_end(leaves, bitmaps, position, end)
        count += 1
    return count


@hot_part
def was_flipped(leaves: Leaves, bitmaps: Bitmaps, gfn: int) -> bool:
    leaf = leaves[gfn >> LEAF_SHIFT]
    if leaf <= NONE:
        return bool(leaf == ALL)
    word = bitmaps[leaf - 1, (gfn >> 6) & (LEAF_WORDS - 1)]
    return bool((word >> np.uint64(gfn & 63)) & np.uint64(1))


@hot_in_place
def part_end(leaves: Leaves, bitmaps: Bitmaps, first: int, end: int) -> int:
    """Up to where all pages from `first` on are as that one, at most up to `end`."""
    is_flipped = was_flipped(leaves, bitmaps, first)
    position = first
    while position < end:
        leaf = leaves[position >> LEAF_SHIFT]
        leaf_end = min(end, ((position >> LEAF_SHIFT) + 1) << LEAF_SHIFT)
        if leaf <= NONE:
            if (leaf == ALL) != is_flipped:
                return position
            position = leaf_end
            continue
        while position < leaf_end:
            bit = position & 63
            word = bitmaps[leaf - 1, (position >> 6) & (LEAF_WORDS - 1)]
            others = (~word if is_flipped else word) >> np.uint64(bit)
            if others != NO_BITS:
                return min(end, position + lowest_bit(others))
            position += 64 - bit
        position = min(position, leaf_end)
    return end


@hot_part
def add_run(leaves: Leaves, bitmaps: Bitmaps, cursor: Cursor, first: int, end: int) -> None:
    position = first
    while position < end:
        number = position >> LEAF_SHIFT
        stop = min(end, (number + 1) << LEAF_SHIFT)
        if stop - position == 1 << LEAF_SHIFT:
            leaves[number] = ALL
        elif leaves[number] != ALL:
            if leaves[number] == NONE:
                cursor[USED] += 1
                leaves[number] = cursor[USED]
            add_bits(bitmaps, leaves[number] - 1, position, stop)
        position = stop


@hot_part
def add_bits(bitmaps: Bitmaps, row: int, first: int, end: int) -> None:
    """Set the bits of [first, end), all of one GiB."""
    position = first
    while position < end:
        bit = position & 63
        count = min(end - position, 64 - bit)
        bitmaps[row, (position >> 6) & (LEAF_WORDS - 1)] |= ones(bit, count)
        position += count
