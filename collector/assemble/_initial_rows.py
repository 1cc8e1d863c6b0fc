"""What was read at one instant, as EVENT rows."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray, RunArray
from app.model.guest import (
    GFN_LIMIT,
    PAGE_SHIFT,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Certainty,
    EventKind,
    Memslot,
    To,
)
from collector.vm_inventory import FoundPopulation

Placed = tuple[int, int, int]
"""gfn, npages, how many of the pages exist."""


def state_rows(private: RunArray, t: int, *, has_memslots: bool) -> EventArray:
    """STATE_READ for the private runs, in gfn order, and for all that lies between them.

    A VM without memslots shows what was named, so that only the private pages are named there.
    """
    ends = private["gfn"] + private["npages"]
    edge = np.array([0], dtype=np.uint64)
    first = np.concatenate((edge, ends))
    last = np.concatenate((private["gfn"], np.array([GFN_LIMIT], dtype=np.uint64)))
    gaps = first < last
    if not has_memslots:
        gaps[:] = False
    rows = _rows(EventKind.STATE_READ, t, len(private) + int(gaps.sum()))
    rows["gfn"] = np.concatenate((private["gfn"], first[gaps]))
    rows["npages"] = np.concatenate((private["npages"], (last - first)[gaps]))
    rows["to"][: len(private)] = private["state"]
    rows["to"][len(private) :] = To.SHARED
    rows["range_certainty"] = Certainty.SEEN
    return rows[np.argsort(rows["gfn"])]


def population_rows(
    counted: Sequence[FoundPopulation], slots: Sequence[Memslot], t: int
) -> EventArray:
    """POPULATION of a guest_memfd, in the guest pages of the slots bound to it.

    A count that does not fall into one slot as a whole is known for the file only: what such
    ranges hold is one row without a range; so is all of a file that no known slot uses.
    """
    placed: list[Placed] = []
    unplaced = 0
    for one in counted:
        pieces = list(_pieces(one, slots))
        placed += pieces
        unplaced += one.populated - sum(exist for _, _, exist in pieces)
    has_rest = unplaced > 0 or (len(counted) > 0 and not placed)
    rows = _rows(EventKind.POPULATION, t, len(placed) + has_rest)
    known = _columns(placed)
    for name, column in zip(("gfn", "npages", "aux"), known.T, strict=True):
        rows[name][: len(placed)] = column
    rows["range_certainty"][: len(placed)] = Certainty.SEEN
    rows["aux"][len(placed) :] = unplaced
    return rows


def _columns(placed: list[Placed]) -> npt.NDArray[np.uint64]:
    return np.array(placed, dtype=np.uint64).reshape(-1, 3)


def _pieces(one: FoundPopulation, slots: Sequence[Memslot]) -> Iterable[Placed]:
    first, end = one.offset >> PAGE_SHIFT, (one.offset >> PAGE_SHIFT) + one.npages
    is_uniform = one.populated in (0, one.npages)
    for slot in slots:
        begin = (slot.guest_memfd_offset or 0) >> PAGE_SHIFT
        low, high = max(first, begin), min(end, begin + slot.npages)
        if low >= high or not (is_uniform or high - low == one.npages):
            continue
        exist = one.populated if high - low == one.npages else min(one.populated, high - low)
        yield slot.base_gfn + low - begin, high - low, exist


def _rows(kind: EventKind, t: int, count: int) -> EventArray:
    rows = np.zeros(count, dtype=EVENT)
    rows["kind"], rows["t"], rows["to"] = kind, t, To.UNKNOWN
    rows["latency_ns"], rows["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
    return rows
