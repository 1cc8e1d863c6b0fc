"""What fallocate and MMU-notifier unmaps mean in guest pages, through the live memslots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import PAGE_SHIFT, PAGE_SIZE, Certainty
from app.model.layout import Memslot
from collector.assemble.memslots import LiveMemslots, hva_range


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of an observation that falls into one memslot. Unknown range: npages 0."""

    gfn: int
    npages: int
    aux: int
    certainty: Certainty


def pieces_of_file_range(offset: int, size: int, slots: Sequence[Memslot]) -> list[Piece]:
    """Guest pages behind `size` bytes at `offset` of a guest_memfd; aux: the file offset.

    One piece without a range if no live memslot is bound there.
    """
    pieces = []
    for slot in slots:
        slot_first = slot.guest_memfd_offset or 0
        first = max(offset, slot_first)
        end = min(offset + size, slot_first + (slot.npages << PAGE_SHIFT))
        if first < end:
            gfn = slot.base_gfn + ((first - slot_first) >> PAGE_SHIFT)
            pieces.append(Piece(gfn, _pages(first, end), first, Certainty.SEEN))
    return pieces or [Piece(0, 0, offset, Certainty.UNKNOWN)]


def slot_of_file_range(
    offsets: npt.NDArray[np.uint64], sizes: npt.NDArray[np.uint64], slots: Sequence[Memslot]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """For each file range: which of `slots`, ordered by file offset, and whether it lies within.

    A range of a guest_memfd is bound once at most, so the slots do not overlap there.
    """
    begins = sorted((slot.guest_memfd_offset or 0, slot.npages) for slot in slots)
    begin = np.array([b for b, _ in begins], dtype=np.uint64)
    length = np.array([n << PAGE_SHIFT for _, n in begins], dtype=np.uint64)
    at = np.searchsorted(begin, offsets, side="right") - 1
    found = np.maximum(at, 0)
    into = offsets - begin[found]
    is_inside = (at >= 0) & (sizes <= length[found]) & (into <= length[found] - sizes)
    is_inside &= sizes > 0
    return found, is_inside


def pieces_of_hva_range(start: int, end: int, layout: LiveMemslots) -> Iterator[Piece]:
    """Guest pages whose shared half lies in [start, end) of the VMM; aux: where, in its memory."""
    for bound in layout.slots.values():
        slot_range = hva_range(bound.memslot)
        if slot_range is None:
            continue
        first, last = max(start, slot_range[0]), min(end, slot_range[1])
        if first < last:
            gfn = bound.memslot.base_gfn + ((first - slot_range[0]) >> PAGE_SHIFT)
            yield Piece(gfn, _pages(first, last), first, Certainty.SEEN)


def meets_layout(
    starts: npt.NDArray[np.uint64], ends: npt.NDArray[np.uint64], layout: LiveMemslots
) -> npt.NDArray[np.bool_]:
    """Which of the hva ranges [start, end) share a byte with a live memslot."""
    slot_starts, reached = layout.hva_ranges()
    before = np.searchsorted(slot_starts, ends, side="left")  # slots that begin before the end
    if not len(reached):
        return np.zeros(len(starts), dtype=bool)
    result: npt.NDArray[np.bool_] = (before > 0) & (reached[np.maximum(before, 1) - 1] > starts)
    return result


def _pages(first: int, end: int) -> int:
    return (end - first + PAGE_SIZE - 1) >> PAGE_SHIFT
