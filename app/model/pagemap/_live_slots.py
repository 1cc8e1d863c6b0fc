"""The live memslots of one VM, to be asked which of them touch a range."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable

from app.model.guest import Memslot

SlotKey = tuple[int, int]
"""Address space and slot id."""

_Place = tuple[int, SlotKey]
"""Where a memslot begins, and which it is."""


class LiveSlots:
    """Memslots by address space and id, and by where they are.

    There may be 32764 of them, and each change asks for its neighbours. Those of like size (the
    same power of two) lie together, in order: of these, all that touch a range begin in it or not
    much farther before it than they are long.
    """

    def __init__(self, memslots: Iterable[Memslot] = ()) -> None:
        self._slots: dict[SlotKey, Memslot] = {}
        self._by_size: defaultdict[int, list[_Place]] = defaultdict(list)
        for memslot in memslots:
            self.put(memslot)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: SlotKey) -> bool:
        return key in self._slots

    def in_order(self) -> tuple[Memslot, ...]:
        """By address space and id."""
        return tuple(self._slots[key] for key in sorted(self._slots))

    def put(self, memslot: Memslot) -> None:
        """In place of any with its id."""
        key = memslot.as_id, memslot.slot
        self.pop(key)
        self._slots[key] = memslot
        insort(self._by_size[memslot.npages.bit_length()], (memslot.base_gfn, key))

    def pop(self, key: SlotKey) -> Memslot | None:
        memslot = self._slots.pop(key, None)
        if memslot is not None:
            alike = self._by_size[memslot.npages.bit_length()]
            del alike[bisect_left(alike, (memslot.base_gfn, key))]
        return memslot

    def touching(self, first: int, end: int) -> list[Memslot]:
        """Those with a page in [first, end)."""
        found = []
        for bits, alike in self._by_size.items():
            at = bisect_left(alike, first - (1 << bits), key=_begin)
            while at < len(alike) and alike[at][0] < end:
                memslot = self._slots[alike[at][1]]
                if memslot.end_gfn > first:
                    found.append(memslot)
                at += 1
        return found


def _begin(place: _Place) -> int:
    return place[0]
