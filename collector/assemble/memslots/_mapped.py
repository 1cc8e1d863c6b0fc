"""What memslots map of a guest_memfd or of the VMM's memory, as slots come and go."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.uint64]
SlotKey = tuple[int, int]
"""as_id, slot."""
Mapping = tuple[int, int, int]
"""start, end (bytes), and the gfn that start is: a memslot's view."""

LAST_BYTE = (1 << 64) - 1
LOOKUPS_PER_MAPPING = 8
"""To look for one range among those in order costs about as much as to lay so many out."""


def ends_of(starts: Offsets, sizes: Offsets) -> Offsets:
    """Where ranges of some sizes end, no farther than the last byte."""
    ends: Offsets = starts + np.minimum(sizes, np.uint64(LAST_BYTE) - starts)
    return ends


class Mappings:
    """Some mappings, in order of start, to be asked about many ranges at once."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        columns = np.array(sorted(mappings), dtype=np.uint64).reshape(-1, 3)
        self.start, self.end, self.gfn = columns[:, 0], columns[:, 1], columns[:, 2]

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def reached(self) -> Offsets:
        """The highest end of each and of all before it."""
        reached: Offsets = np.maximum.accumulate(self.end)
        return reached

    @cached_property
    def is_overlapping(self) -> bool:
        """Memory of the VMM may be mapped more than once."""
        return bool((self.start[1:] < self.reached[:-1]).any())

    def meets(self, starts: Offsets, ends: Offsets) -> npt.NDArray[np.bool_]:
        """Which of the ranges [start, end) share a byte with one of the mappings."""
        if not len(self):
            return np.zeros(len(starts), dtype=bool)
        before = np.searchsorted(self.start, ends, side="left")  # those that begin before the end
        result: npt.NDArray[np.bool_] = (before > 0) & (
            self.reached[np.maximum(before, 1) - 1] > starts
        )
        return result

    def touching(self, start: int, end: int) -> npt.NDArray[np.int64]:
        """Which mappings share a byte with [start, end), in order."""
        first = int(np.searchsorted(self.reached, np.uint64(start), side="right"))
        last = int(np.searchsorted(self.start, np.uint64(min(end, LAST_BYTE)), side="left"))
        found: npt.NDArray[np.int64] = first + np.flatnonzero(self.end[first:last] > start)
        return found


class Mapped:
    """The mappings of live memslots.

    There may be 32764, and a flood of ranges to be placed, or a single one, between any two calls
    that change one: what that costs depends on what is asked, not on how many there are. Those of
    like size (the same power of two) lie together, in order: of these, all that touch a range begin
    in it or not much farther before it than they are long.
    """

    def __init__(self) -> None:
        self._mappings: dict[SlotKey, Mapping] = {}
        self._by_size: defaultdict[int, list[tuple[int, SlotKey]]] = defaultdict(list)
        self._all: Mappings | None = None

    def __len__(self) -> int:
        return len(self._mappings)

    def __iter__(self) -> Iterator[SlotKey]:
        return iter(self._mappings)

    def put(self, key: SlotKey, mapping: Mapping) -> None:
        self._mappings[key] = mapping
        insort(self._alike(mapping), (mapping[0], key))
        self._all = None

    def pop(self, key: SlotKey) -> None:
        mapping = self._mappings.pop(key, None)
        if mapping is not None:
            alike = self._alike(mapping)
            del alike[bisect_left(alike, (mapping[0], key))]
            self._all = None

    def near(self, starts: Offsets, ends: Offsets) -> Mappings:
        """All mappings that share a byte with one of the ranges, and perhaps others."""
        if self._all is None and LOOKUPS_PER_MAPPING * len(starts) < len(self._mappings):
            ranges = zip(starts.tolist(), ends.tolist(), strict=True)
            keys = {key for start, end in ranges for key in self._touching(start, end)}
            return Mappings(self._mappings[key] for key in keys)
        if self._all is None:
            self._all = Mappings(self._mappings.values())
        return self._all

    def _touching(self, start: int, end: int) -> list[SlotKey]:
        found = []
        for bits, alike in self._by_size.items():
            at = bisect_left(alike, start - (1 << bits), key=_start)
            while at < len(alike) and alike[at][0] < end:
                key = alike[at][1]
                if self._mappings[key][1] > start:
                    found.append(key)
                at += 1
        return found

    def _alike(self, mapping: Mapping) -> list[tuple[int, SlotKey]]:
        return self._by_size[(mapping[1] - mapping[0]).bit_length()]


def _start(place: tuple[int, SlotKey]) -> int:
    return place[0]
