"""Ranges of something that memslots map (a guest_memfd, the VMM's memory) as guest pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import PAGE_SHIFT, PAGE_SIZE, Certainty, EventArray
from app.model.layout import Memslot
from collector.assemble.memslots import hva_range

Offsets = npt.NDArray[np.uint64]
IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A memslot's view of a file, or of the VMM's memory: [start, end) begins at `gfn`. Bytes."""

    start: int
    end: int
    gfn: int


@dataclass(frozen=True, slots=True)
class Extra:
    """Rows that calls become besides, or instead of, their own; `keys` say where they go: see
    `keys_before` and `keys_after`."""

    keys: IndexArray
    rows: EventArray


def keys_before(calls: IndexArray) -> IndexArray:
    """Where rows go that come right before the calls at these indices."""
    return 3 * calls


def keys_of(calls: IndexArray) -> IndexArray:
    """Where the calls' own rows are."""
    return 3 * calls + 1


def keys_after(calls: IndexArray) -> IndexArray:
    return 3 * calls + 2


def mappings_of_file(slots: Iterable[Memslot]) -> list[Mapping]:
    """In order of offset. A range of a guest_memfd is bound once at most: they do not overlap."""
    starts = ((slot.guest_memfd_offset or 0, slot) for slot in slots)
    return sorted(
        (Mapping(at, at + (slot.npages << PAGE_SHIFT), slot.base_gfn) for at, slot in starts),
        key=lambda mapping: mapping.start,
    )


def mappings_of_hva(slots: Iterable[Memslot]) -> list[Mapping]:
    """In order of address; memory may be mapped more than once."""
    ranges = ((hva_range(slot), slot.base_gfn) for slot in slots)
    known = (Mapping(*range_, gfn) for range_, gfn in ranges if range_ is not None)
    return sorted(known, key=lambda mapping: mapping.start)


def is_overlapping(mappings: Sequence[Mapping]) -> bool:
    reached = 0
    for mapping in mappings:
        if mapping.start < reached:
            return True
        reached = max(reached, mapping.end)
    return False


def meets(mappings: Sequence[Mapping], starts: Offsets, ends: Offsets) -> npt.NDArray[np.bool_]:
    """Which of the ranges [start, end) share a byte with one of the mappings."""
    if not mappings:
        return np.zeros(len(starts), dtype=bool)
    begins = np.array([one.start for one in mappings], dtype=np.uint64)
    reached = np.maximum.accumulate(np.array([one.end for one in mappings], dtype=np.uint64))
    before = np.searchsorted(begins, ends, side="left")  # mappings that begin before the end
    result: npt.NDArray[np.bool_] = (before > 0) & (reached[np.maximum(before, 1) - 1] > starts)
    return result


def place_within_one(
    mappings: Sequence[Mapping],
    rows: EventArray,
    members: IndexArray,
    starts: Offsets,
    sizes: Offsets,
    certainty: Certainty,
) -> npt.NDArray[np.bool_]:
    """Give the rows of ranges that lie within one of the mappings, which may not overlap, their
    guest pages; says which did."""
    start, end, gfn = (
        np.array([getattr(one, name) for one in mappings], dtype=np.uint64)
        for name in ("start", "end", "gfn")
    )
    at = np.maximum(np.searchsorted(start, starts, side="right") - 1, 0)
    into = starts - start[at]
    room = end[at] - start[at]
    is_inside: npt.NDArray[np.bool_] = (
        (starts >= start[at]) & (sizes > 0) & (sizes <= room) & (into <= room - sizes)
    )
    inside, into, size = members[is_inside], into[is_inside], sizes[is_inside]
    shift, low = np.uint64(PAGE_SHIFT), np.uint64(PAGE_SIZE - 1)
    rows["gfn"][inside] = gfn[at[is_inside]] + (into >> shift)
    rows["npages"][inside] = size >> shift
    rows["address_low"][inside] = into & low
    rows["size_low"][inside] = size & low
    rows["range_certainty"][inside] = certainty
    return is_inside


def pieces(
    mappings: Sequence[Mapping], row: np.void, start: int, end: int, certainty: Certainty
) -> list[np.void]:
    """One row for each mapping that a range meets. Where it began, if aux tells that, becomes where
    the piece begins."""
    found = []
    for mapping in mappings:
        first, last = max(start, mapping.start), min(end, mapping.end)
        if first < last:
            piece = row.copy()
            piece["gfn"] = mapping.gfn + ((first - mapping.start) >> PAGE_SHIFT)
            piece["npages"] = (last - first + PAGE_SIZE - 1) >> PAGE_SHIFT
            piece["range_certainty"] = certainty
            if piece["aux"] == start:
                piece["aux"] = first
            found.append(piece)
    return found


def extra(call: int, rows: list[np.void]) -> Extra:
    """Rows in place of a call."""
    where = keys_after(np.full(len(rows), call, dtype=np.int64))
    return Extra(where, np.array(rows, dtype=rows[0].dtype))
