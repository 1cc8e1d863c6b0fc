"""Which gfns the live memslots cover, as sorted disjoint pieces."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.model.events import GFN_LIMIT, PAGES_PER_2M
from app.model.layout import Memslot
from app.model.transitions import Place


class Cover(NamedTuple):
    """Half-open pieces in ascending order. Neighbours of the same place are one piece."""

    first: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    place: npt.NDArray[np.uint8]  # transitions.Place


def _cover(first: npt.NDArray[np.int64], end: npt.NDArray[np.int64], place: object) -> Cover:
    return Cover(first, end, np.asarray(place, np.uint8))


EVERYTHING = _cover(np.array([0]), np.array([GFN_LIMIT]), [Place.CAN_BE_PRIVATE])
"""What stands for the cover while no memslot of the VM is known."""

NOTHING = _cover(np.empty(0, np.int64), np.empty(0, np.int64), [])


def cover_of(memslots: Iterable[Memslot]) -> Cover:
    """The union of memslots of all address spaces.

    A page in several address spaces is hva-only if every memslot over it is.
    """
    slots = list(memslots)
    first = np.array([slot.base_gfn for slot in slots], np.int64)
    end = np.array([slot.end_gfn for slot in slots], np.int64)
    can_be_private = np.array([slot.backing.can_be_private for slot in slots], np.int64)
    edges = np.unique(np.concatenate((first, end)))
    over = _depth(edges, first, end, np.ones(len(slots), np.int64))
    private = _depth(edges, first, end, can_be_private)
    place = np.where(private > 0, Place.CAN_BE_PRIVATE, Place.HVA_ONLY)
    place[over == 0] = Place.NO_MEMSLOT
    return _joined(edges[:-1], edges[1:], place[:-1].astype(np.uint8))


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
    return np.cumsum(steps)


def _joined(
    first: npt.NDArray[np.int64], end: npt.NDArray[np.int64], place: npt.NDArray[np.uint8]
) -> Cover:
    """Drop what no memslot covers and make touching pieces of one place one piece."""
    kept = place != Place.NO_MEMSLOT
    first, end, place = first[kept], end[kept], place[kept]
    begins = np.ones(len(first), np.bool_)
    begins[1:] = (first[1:] != end[:-1]) | (place[1:] != place[:-1])
    starts = np.flatnonzero(begins)
    last = np.append(starts[1:], len(first))[: len(starts)] - 1
    return Cover(first[starts], end[last], place[starts])


def recovered(cover: Cover, first: int, end: int, memslots: Iterable[Memslot]) -> Cover:
    """`cover` with [first, end) made anew from all live memslots, at the cost of those there."""
    touching = [slot for slot in memslots if slot.base_gfn < end and slot.end_gfn > first]
    inside = _clipped(cover_of(touching), first, end)
    parts = (_clipped(cover, 0, first), inside, _clipped(cover, end, GFN_LIMIT))
    return _joined(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.place for part in parts]),
    )


def _clipped(cover: Cover, first: int, end: int) -> Cover:
    kept = (cover.first < end) & (cover.end > first)
    return Cover(
        np.maximum(cover.first[kept], first), np.minimum(cover.end[kept], end), cover.place[kept]
    )


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
