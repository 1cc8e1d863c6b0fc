"""What stands for addresses and thread ids in a report that may leave the house."""

from collections.abc import Sequence

from app.queries.inventory import MemslotView


class Aliases:
    """Places and threads by numbers of their own, from 1 in the order in which they are met.

    The layout of guest memory is much the same everywhere: addresses that are only moved can be
    moved back by the lowest of them.
    """

    def __init__(self, memslots: Sequence[MemslotView]) -> None:
        self._memslots = memslots
        self._places: dict[int, int] = {}
        self._threads: dict[int, int] = {}

    def place(self, gpa: str | None) -> str | None:
        """ "0x180000000" -> "place 3 in memslot 1"."""
        if gpa is None:
            return None
        address = int(gpa, 16)
        number = self._places.setdefault(address, len(self._places) + 1)
        return f"place {number}{self._slot_of(address)}"

    def label(self, gpa: str) -> str:
        """The place alone; nothing for one that was not met."""
        number = self._places.get(int(gpa, 16))
        return "" if number is None else f"place {number}"

    def _slot_of(self, address: int) -> str:
        covering = {slot.slot for slot in self._memslots if _covers(slot, address)}
        if len(covering) != 1:
            return ""
        (slot,) = covering
        return " in a memslot" if slot is None else f" in memslot {slot}"

    def thread(self, tid: int) -> int:
        """0, a thread that is not known, stays 0."""
        return tid and self._threads.setdefault(tid, len(self._threads) + 1)


def _covers(slot: MemslotView, address: int) -> bool:
    start = int(slot.gpa, 16)
    return start <= address < start + slot.size
