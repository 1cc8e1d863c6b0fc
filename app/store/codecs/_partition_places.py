"""Which partition of a VM's memory an event belongs to, with what it changed."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part, signed
from app.store.codecs._arrow import Signed
from app.store.codecs._byte_columns import Bytes
from app.store.codecs._changes import HAS_NO_EVENT, IS_EXPLICIT, EventRanges, RelativeChanges
from app.store.codecs._places import SOMEWHERE

EVENTS_PER_PARTITION = 1 << 14
"""About so many: read within two milliseconds, and enough beside a blob's names and bounds."""
MOST_PARTITIONS = 1 << 8
BORDER_PAGES = 1 << 9
"""Borders lie on 2 MiB, where conversions of whole blocks begin and end."""

COPIES_SHARE = 16
"""What reaches across borders lies in each partition that it meets, with all that it changed, as
long as this makes the rows more by no more than one in so many."""

PartitionNumbers = npt.NDArray[np.uint16]


class Meets(NamedTuple):
    """The first and the last partition that rows meet; both are the number behind all partitions
    where a row belongs to none."""

    first: PartitionNumbers
    last: PartitionNumbers

    @classmethod
    def of(cls, rows: int) -> "Meets":
        return cls(np.empty(rows, np.uint16), np.empty(rows, np.uint16))

    def counts(self, partitions: int) -> Signed:
        """How many rows meet each."""
        steps = np.bincount(self.first, minlength=partitions + 1).astype(np.int64)
        steps[1:] -= np.bincount(self.last, minlength=partitions)
        return np.cumsum(steps[:partitions])


class Places(NamedTuple):
    """Where the events and the changes of a segment are."""

    events: Meets
    changes: Meets


def choose_borders(gfns: Signed, events: int) -> Signed:
    """The first gfns of partitions with about as many events each, as a sample of their gfns shows;
    the first of all is 0."""
    count = min(MOST_PARTITIONS, events // EVENTS_PER_PARTITION)
    ranks = np.arange(1, count) * len(gfns) // max(1, count)
    chosen = np.sort(gfns)[ranks]
    return np.unique(np.concatenate([[0], chosen - chosen % BORDER_PAGES]))


def most_copies(places: Sequence[Places]) -> int:
    """In how many partitions a row may lie; one that meets more is put behind the last."""
    spans = np.zeros(MOST_PARTITIONS + 1, np.int64)
    for meets in chain.from_iterable(places):
        spans += np.bincount(meets.last - meets.first, minlength=len(spans))
    added = np.cumsum(spans * np.arange(len(spans)))
    return 1 + int(np.searchsorted(added, spans.sum() // COPIES_SHARE, side="right") - 1)


def places_of_rows(
    borders: Signed, where: Bytes, events: EventRanges, changes: RelativeChanges
) -> Places:
    """`where` each event was: `places_of`."""
    places = Places(Meets.of(len(where)), Meets.of(len(changes.states)))
    size = 1 << int(len(borders) - 1).bit_length()
    padded = np.full(size, np.iinfo(np.int64).max)
    padded[: len(borders)] = borders
    place_rows(places, padded, len(borders), where, events, changes)
    return places


@hot_in_place
def place_rows(
    places: Places,
    borders: Signed,
    none: int,
    where: Bytes,
    events: EventRanges,
    changes: RelativeChanges,
) -> None:
    """Changes lie where their event does, all of them: what an event in a window changed is counted
    wherever that was. If one meets partitions that the event does not meet, both belong to none."""
    for i in range(where.size):
        gfn, npages = signed(events.gfn[i]), max(signed(events.npages[i]), 1)
        place(places.events, i, borders, gfn, npages)
        if where[i] != SOMEWHERE:
            places.events.first[i] = places.events.last[i] = none
    taken = 0
    for i in range(changes.of_event.size):
        state, event = changes.states[i], changes.of_event[i]
        if state & IS_EXPLICIT:
            row = changes.explicit[taken]
            gfn, npages = signed(row.gfn), signed(row.npages)
            taken += 1
        else:
            gfn = signed(events.gfn[event]) + changes.gfn_offset[i]
            npages = signed(events.npages[event]) + changes.npages_offset[i]
        place(places.changes, i, borders, gfn, npages)
        # A row of no pages (a forgotten default) belongs to every window.
        if npages == 0:
            places.changes.first[i] = places.changes.last[i] = none
        if not state & HAS_NO_EVENT and (
            places.changes.first[i] < places.events.first[event]
            or places.changes.last[i] > places.events.last[event]
        ):
            places.events.first[event] = places.events.last[event] = none
    for i in range(changes.of_event.size):
        if not changes.states[i] & HAS_NO_EVENT:
            places.changes.first[i] = places.events.first[changes.of_event[i]]
            places.changes.last[i] = places.events.last[changes.of_event[i]]


@hot_part
def place(meets: Meets, row: int, borders: Signed, gfn: int, npages: int) -> None:
    meets.first[row] = partition_at(borders, gfn)
    meets.last[row] = meets.first[row]
    if meets.first[row] + 1 < borders.size and gfn + npages > borders[meets.first[row] + 1]:
        meets.last[row] = partition_at(borders, gfn + npages - 1)


@hot_part
def partition_at(borders: Signed, gfn: int) -> int:
    """There are a power of two of borders, the last ones beyond all gfns: each step halves them,
    without a branch that nothing foresees."""
    low, half = 0, borders.size >> 1
    while half:
        low += half if borders[low + half] <= gfn else 0
        half >>= 1
    return low
