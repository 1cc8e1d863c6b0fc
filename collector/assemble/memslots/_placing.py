"""Ranges of something that memslots map (a guest_memfd, the VMM's memory) as guest pages."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray
from app.model.guest import PAGE_SHIFT, PAGE_SIZE, Certainty
from collector.assemble.memslots._mapped import LAST_BYTE, Mappings, Offsets

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Extra:
    """Rows that calls become besides, or instead of, their own; `keys` place them: see
    `keys_before` and `keys_after`."""

    keys: IndexArray
    rows: EventArray


def keys_before(calls: IndexArray) -> IndexArray:
    """Where rows go that come right before the calls at these indices."""
    return 3 * calls


def keys_of(calls: IndexArray) -> IndexArray:
    """Where the calls' own rows are."""
    return 3 * calls + 1


def calls_of(keys: IndexArray) -> IndexArray:
    """The calls that rows with these keys are next to, or are of."""
    return keys // 3


def keys_after(calls: IndexArray) -> IndexArray:
    return 3 * calls + 2


def place_within_one(
    mappings: Mappings,
    rows: EventArray,
    members: IndexArray,
    starts: Offsets,
    sizes: Offsets,
    certainty: Certainty,
) -> npt.NDArray[np.bool_]:
    """Give the rows of ranges that lie within one of the mappings, which may not overlap, their
    guest pages; returns which did."""
    if not len(mappings):
        return np.zeros(len(members), dtype=bool)
    start, end, gfn = mappings.start, mappings.end, mappings.gfn
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
    mappings: Mappings, row: np.void, start: int, end: int, certainty: Certainty
) -> EventArray:
    """One row for each mapping that a range meets. Where it began, if aux holds that, becomes where
    the piece begins."""
    at = mappings.touching(start, end)
    first = np.maximum(mappings.start[at], np.uint64(start))
    last = np.minimum(mappings.end[at], np.uint64(min(end, LAST_BYTE)))
    shift = np.uint64(PAGE_SHIFT)
    found: EventArray = np.full(len(at), row, dtype=row.dtype)
    found["gfn"] = mappings.gfn[at] + ((first - mappings.start[at]) >> shift)
    found["npages"] = (last - first + np.uint64(PAGE_SIZE - 1)) >> shift
    found["range_certainty"] = certainty
    if row["aux"] == start:
        found["aux"] = first
    return found


def extra(call: int, rows: EventArray) -> Extra:
    """Rows in place of a call."""
    return Extra(keys_after(np.full(len(rows), call, dtype=np.int64)), rows)
