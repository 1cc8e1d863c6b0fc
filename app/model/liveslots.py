"""The live memslots of one VM, to be asked which of them touch a range."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from app.model.layout import Memslot

SlotKey = tuple[int, int]
"""Address space and slot id."""

_FIRST_CAPACITY = 16


class LiveSlots:
    """Memslots by address space and id.

    There may be 32764 of them, and each change asks for its neighbours: their ranges lie in an
    array beside them, in no order.
    """

    def __init__(self, memslots: Iterable[Memslot] = ()) -> None:
        self._slots: list[Memslot] = []
        self._at: dict[SlotKey, int] = {}
        self._ranges: npt.NDArray[np.int64] = np.zeros((2, _FIRST_CAPACITY), np.int64)
        for memslot in memslots:
            self.put(memslot)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: SlotKey) -> bool:
        return key in self._at

    def in_order(self) -> tuple[Memslot, ...]:
        """By address space and id."""
        return tuple(self._slots[self._at[key]] for key in sorted(self._at))

    def put(self, memslot: Memslot) -> None:
        """In place of any with its id."""
        at = self._at.setdefault((memslot.as_id, memslot.slot), len(self._slots))
        if at == len(self._slots):
            self._slots.append(memslot)
            if at == self._ranges.shape[1]:
                self._ranges = np.concatenate((self._ranges, np.zeros_like(self._ranges)), axis=1)
        self._set(at, memslot)

    def pop(self, key: SlotKey) -> Memslot | None:
        at = self._at.pop(key, None)
        if at is None:
            return None
        removed, last = self._slots[at], self._slots.pop()
        if at < len(self._slots):
            self._set(at, last)
            self._at[last.as_id, last.slot] = at
        return removed

    def touching(self, first: int, end: int) -> list[Memslot]:
        """Those with a page in [first, end)."""
        firsts, ends = self._ranges[:, : len(self._slots)]
        return [self._slots[at] for at in np.flatnonzero((firsts < end) & (ends > first))]

    def _set(self, at: int, memslot: Memslot) -> None:
        self._slots[at] = memslot
        self._ranges[:, at] = memslot.base_gfn, memslot.end_gfn
