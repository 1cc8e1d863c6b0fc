"""Memslots that come and go over the tree of a page map, and the `CHANGE` rows of that."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray
from app.model.guest import GFN_LIMIT, PAGES_PER_2M, Memslot, require_pages
from app.model.intervals import Interval
from app.model.pagemap._live_memslots import (
    END,
    EVERYTHING,
    FIRST,
    CoverArray,
    LiveCover,
    LiveSlots,
    SlotKey,
    block_hulls,
    cover_of,
)
from app.model.pagemap._operate import LiveTree, list_mixed
from app.model.pagemap._rules import Operation
from app.model.pagemap._tree import MIXED, touch

Blocks = npt.NDArray[np.int64]
"""Numbers of aligned 2 MiB blocks."""
Deltas = npt.NDArray[np.int32]
_NO_BLOCKS: Blocks = np.zeros(0, np.int64)


class Layout:
    """The live memslots of one VM. While none was ever known, everything counts as covered."""

    def __init__(self, tree: LiveTree) -> None:
        self._tree = tree
        self._cover = LiveCover(EVERYTHING)
        self._slots = LiveSlots()
        self.is_known = False

    @property
    def memslots(self) -> tuple[Memslot, ...]:
        """By address space and id."""
        return self._slots.in_order()

    @property
    def cover(self) -> CoverArray:
        """As it is until the next change."""
        return self._cover.pieces

    @property
    def pages(self) -> int:
        """How many are covered."""
        return int(np.sum(self.cover[:, END] - self.cover[:, FIRST]))

    def __contains__(self, key: SlotKey) -> bool:
        return key in self._slots

    def adopt(self, memslots: Iterable[Memslot]) -> None:
        """Have these as the live ones; the tree is as they left it."""
        memslots = list(memslots)
        require_pages(memslots)
        self._slots = LiveSlots(memslots)
        self.is_known |= bool(len(self._slots))
        self._cover = LiveCover(cover_of(self.memslots) if self.is_known else EVERYTHING)

    def replace(self, key: SlotKey, added: Memslot | None, t: int) -> ChangeArray:
        """Put a memslot, or none, in place of any that has this id."""
        removed = self._slots.pop(key)
        if added is not None:
            self._slots.put(added)
            if not self.is_known:
                return self._first_memslot(added, t)
        ranges = [(s.base_gfn, s.end_gfn) for s in (removed, added) if s is not None]
        hulls = block_hulls(ranges)
        mixed_before = self._mixed_in(hulls)
        # Where nothing was covered, appearing makes of pages all that their new place does.
        may_be_hva_now = [span for span in ranges if self._cover.meets(*span)]
        appeared = self._appear(added, t)
        for span in ranges:
            self._cover.recover(*span, self._slots.touching(*span))
        steps = self._vanish(removed, t) + appeared
        for span in may_be_hva_now:
            if self._cover.meets(*span):
                steps.append(self._operate(Operation.SHARED_BY_NATURE, *span, t))
        for span in ranges:
            touch(self._tree.tree, *span)
        return self._with_mixed(steps, mixed_before, self._mixed_in(hulls))

    def _vanish(self, removed: Memslot | None, t: int) -> list[ChangeArray]:
        """What no memslot covers any more."""
        if removed is None:
            return []
        return [self._operate(Operation.VANISH, removed.base_gfn, removed.end_gfn, t)]

    def _appear(self, added: Memslot | None, t: int) -> list[ChangeArray]:
        """What the cover, which is still without the memslot, does not hold."""
        if added is None:
            return []
        can_be_private = added.backing.can_be_private
        operation = Operation.APPEAR if can_be_private else Operation.APPEAR_HVA
        return [self._operate(operation, added.base_gfn, added.end_gfn, t)]

    def _first_memslot(self, added: Memslot, t: int) -> ChangeArray:
        """From now on memslots, not the pages that conversions named, decide what is drawn."""
        everywhere = [(0, GFN_LIMIT)]
        mixed_before = self._mixed_in(everywhere)
        can_be_private = added.backing.can_be_private
        operation = Operation.REVEAL if can_be_private else Operation.REVEAL_HVA
        steps = [
            self._operate(Operation.HIDE, 0, added.base_gfn, t),
            self._operate(operation, added.base_gfn, added.end_gfn, t),
            self._operate(Operation.HIDE, added.end_gfn, GFN_LIMIT, t),
        ]
        self._cover, self.is_known = LiveCover(cover_of([added])), True
        steps.append(self._operate(Operation.SHARED_BY_NATURE, 0, GFN_LIMIT, t))
        touch(self._tree.tree, 0, GFN_LIMIT)
        return self._with_mixed(steps, mixed_before, self._mixed_in(everywhere))

    def _operate(self, operation: Operation, first: int, end: int, t: int) -> ChangeArray:
        return self._tree.operate(operation, self.cover, first, end, t)

    def _with_mixed(self, steps: list[ChangeArray], before: Blocks, after: Blocks) -> ChangeArray:
        """The steps as one, marking which mixed blocks a memslot now meets, or no longer meets."""
        if not len(before) and not len(after):
            return np.concatenate(steps)
        gone, come = np.setdiff1d(before, after), np.setdiff1d(after, before)
        blocks = np.concatenate((gone, come))
        deltas = np.repeat(np.array([-1, 1], np.int32), (len(gone), len(come)))
        self._tree.tree.meta[MIXED] += len(come) - len(gone)
        return np.concatenate(with_mixed_blocks(steps, blocks, deltas))

    def _mixed_in(self, hulls: list[Interval]) -> Blocks:
        if not self._tree.may_be_mixed:  # most memslots are set before any page is private
            return _NO_BLOCKS
        return np.concatenate([self.mixed_in(*hull) for hull in hulls])

    def mixed_in(self, first_gfn: int, end_gfn: int) -> Blocks:
        """The numbers of the mixed blocks that meet a range of gfns, ascending."""
        room = _NO_BLOCKS
        if not self._tree.may_be_mixed or not self._cover.meets(first_gfn, end_gfn):
            return room
        place = self._tree.tree, self.cover, first_gfn, end_gfn
        while (count := list_mixed(room, *place)) > len(room):
            room = np.zeros(count, np.int64)
        return room


def with_mixed_blocks(
    steps: list[ChangeArray], blocks: Blocks, deltas: Deltas
) -> list[ChangeArray]:
    """Rows of several steps, each step ascending, with what they do to mixed blocks.

    A row that meets a block ends in it for that, and goes on as another. Each block is met by a
    row: what a memslot newly covers, or no longer covers, has one.
    """
    marked = []
    for step in steps:
        at = np.searchsorted(_ends(step), blocks * PAGES_PER_2M, side="right")
        is_met = at < len(step)
        first = step["gfn"][np.minimum(at, len(step) - 1)] if len(step) else at
        is_met &= first.astype(np.int64) < (blocks + 1) * PAGES_PER_2M
        marked.append(_divided(step, at[is_met], blocks[is_met], deltas[is_met]))
        blocks, deltas = blocks[~is_met], deltas[~is_met]
    return marked


def _divided(rows: ChangeArray, at: Blocks, blocks: Blocks, deltas: Deltas) -> ChangeArray:
    """Rows that end in blocks they meet: the at[i]-th in blocks[i]."""
    if not len(at):
        return rows
    ends = np.minimum(_ends(rows)[at], (blocks + 1) * PAGES_PER_2M)
    of_row = np.concatenate((at, np.arange(len(rows))))
    end = np.concatenate((ends, _ends(rows)))
    delta = np.concatenate((deltas, np.zeros(len(rows), np.int32)))
    places, part = np.unique(np.stack((of_row, end)), axis=1, return_inverse=True)
    divided: ChangeArray = rows[places[0]]
    starts = np.where(np.diff(places[0], prepend=-1) != 0, divided["gfn"], np.roll(places[1], 1))
    divided["gfn"] = starts
    divided["npages"] = places[1] - starts.astype(np.int64)
    np.add.at(divided["mixed_delta"], part.reshape(-1), delta)
    return divided


def _ends(rows: ChangeArray) -> Blocks:
    ends: Blocks = (rows["gfn"] + rows["npages"]).astype(np.int64)
    return ends
