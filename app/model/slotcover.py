"""Which gfns the live memslots cover, as sorted disjoint pieces."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from app.model.events import GFN_LIMIT, PAGES_PER_2M
from app.model.layout import Memslot
from app.model.transitions import Place

FIRST, END, PLACE = range(3)
"""Columns of a cover: first gfn, end gfn (exclusive), transitions.Place."""

CoverArray = npt.NDArray[np.int64]
"""[pieces, 3], in ascending order. Neighbours of the same place are one piece."""

EVERYTHING: CoverArray = np.array([[0, GFN_LIMIT, Place.CAN_BE_PRIVATE]], np.int64)
"""What stands for the cover while no memslot of the VM is known."""

NOTHING: CoverArray = np.empty((0, 3), np.int64)


def cover_of(memslots: Iterable[Memslot]) -> CoverArray:
    """The union of memslots of all address spaces.

    A page in several address spaces is hva-only if every memslot over it is.
    """
    slots = list(memslots)
    if len(slots) <= 1:  # nearly always, where one comes or goes
        pieces = [(slot.base_gfn, slot.end_gfn, _place(slot)) for slot in slots]
        return np.array(pieces, np.int64).reshape(-1, NOTHING.shape[1])
    first = np.array([slot.base_gfn for slot in slots], np.int64)
    end = np.array([slot.end_gfn for slot in slots], np.int64)
    can_be_private = np.array([slot.backing.can_be_private for slot in slots], np.int64)
    edges = np.unique(np.concatenate((first, end)))
    over = _depth(edges, first, end, np.ones(len(slots), np.int64))
    private = _depth(edges, first, end, can_be_private)
    place = np.where(private > 0, Place.CAN_BE_PRIVATE, Place.HVA_ONLY)
    place[over == 0] = Place.NO_MEMSLOT
    return _joined(np.column_stack((edges[:-1], edges[1:], place[:-1])))


def _place(memslot: Memslot) -> Place:
    return Place.CAN_BE_PRIVATE if memslot.backing.can_be_private else Place.HVA_ONLY


def _depth(
    edges: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    weight: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Sum of the weights of the ranges over each stretch that begins at an edge."""
    steps = np.zeros(len(edges), np.int64)
    np.add.at(steps, np.searchsorted(edges, first), weight)
    np.add.at(steps, np.searchsorted(edges, end), -weight)
    depth: npt.NDArray[np.int64] = np.cumsum(steps)
    return depth


def _joined(cover: CoverArray) -> CoverArray:
    """Drop what no memslot covers and make touching pieces of one place one piece."""
    cover = cover[cover[:, PLACE] != Place.NO_MEMSLOT]
    continues = (cover[1:, FIRST] == cover[:-1, END]) & (cover[1:, PLACE] == cover[:-1, PLACE])
    joined: CoverArray = cover[np.append(True, ~continues)[: len(cover)]]
    joined[:, END] = cover[np.append(~continues, True)[: len(cover)], END]
    return joined


def recovered(cover: CoverArray, first: int, end: int, touching: Iterable[Memslot]) -> CoverArray:
    """`cover` with [first, end) made anew from all live memslots with a page there."""
    inside = _clipped(cover_of(touching), first, end)
    parts = (_clipped(cover, 0, first), inside, _clipped(cover, end, GFN_LIMIT))
    return _joined(np.concatenate(parts))


def _clipped(cover: CoverArray, first: int, end: int) -> CoverArray:
    clipped = cover[(cover[:, FIRST] < end) & (cover[:, END] > first)]
    clipped[:, FIRST] = np.maximum(clipped[:, FIRST], first)
    clipped[:, END] = np.minimum(clipped[:, END], end)
    return clipped


def block_hulls(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges widened to whole 2 MiB blocks, and made one where they then meet."""
    hulls: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        first -= first % PAGES_PER_2M
        end += -end % PAGES_PER_2M
        if hulls and first <= hulls[-1][1]:
            hulls[-1] = (hulls[-1][0], max(end, hulls[-1][1]))
        else:
            hulls.append((first, end))
    return hulls
