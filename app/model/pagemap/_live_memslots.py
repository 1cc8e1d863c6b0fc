"""The live memslots of one VM: which of them touch a range, and which gfns they cover, as sorted
disjoint pieces."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from app.model.guest import GFN_LIMIT, PAGES_PER_2M, Memslot
from app.model.intervals import Interval, united
from app.model.pagemap._rules import Place


def distinct(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Ascending. Like np.unique, which imports numpy.ma: a twentieth of a second at every start."""
    ordered = np.sort(numbers)
    is_first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    result: npt.NDArray[np.int64] = ordered[is_first]
    return result


FIRST, END, PLACE = range(3)
"""Columns of a cover: first gfn, end gfn (exclusive), Place."""

CoverArray = npt.NDArray[np.int64]
"""[pieces, 3], in ascending order. Neighbours of the same place are one piece."""

EVERYTHING: CoverArray = np.array([[0, GFN_LIMIT, Place.CAN_BE_PRIVATE]], np.int64)
"""What stands for the cover while no memslot of the VM is known."""

NOTHING: CoverArray = np.empty((0, 3), np.int64)

Piece = tuple[int, int, int]
"""A row of a cover."""

SlotKey = tuple[int, int]
"""Address space and slot id."""

_Start = tuple[int, SlotKey]
"""Where a memslot begins, and which it is."""

_LEAST_ROOM = 8
"""Pieces that may come on either side before those that are there must be laid out anew."""


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
    edges = distinct(np.concatenate((first, end)))
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
    """Sum of the weights of the ranges over each range that begins at an edge."""
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


class LiveCover:
    """The cover of memslots that come and go, one at a time.

    There may be 32764 of them. The pieces lie in the middle of a larger array, so that a change
    moves no more of them than lie on the shorter side of it.
    """

    def __init__(self, pieces: CoverArray) -> None:
        self._settle(pieces)

    @property
    def pieces(self) -> CoverArray:
        """As they are until the next change."""
        return self._room[self._start : self._end]

    def meets(self, first: int, end: int) -> bool:
        """Whether a piece has a page in [first, end)."""
        pieces = self.pieces
        at = bisect_right(pieces[:, END], first)
        return at < len(pieces) and bool(pieces[at, FIRST] < end)

    def recover(self, first: int, end: int, touching: Iterable[Memslot]) -> None:
        """Make [first, end) anew from all live memslots with a page there."""
        pieces = self.pieces
        low = bisect_left(pieces[:, END], first)
        high = bisect_right(pieces[:, FIRST], end)
        around = pieces[low:high].tolist()
        inside = cover_of(touching).tolist()
        made = [(a, min(b, first), place) for a, b, place in around if a < first]
        made += [
            (max(a, first), min(b, end), place) for a, b, place in inside if a < end and b > first
        ]
        made += [(max(a, end), b, place) for a, b, place in around if b > end]
        self._replace(low, high, _joined_pieces(made))

    def _replace(self, low: int, high: int, pieces: list[Piece]) -> None:
        """Put others in place of the pieces from `low` up to `high`."""
        more, after = len(pieces) - (high - low), self._end - self._start - high
        if self._start < more or self._end + more > len(self._room):
            self._settle(self.pieces, more)
        if low < after:
            self._move(self._start, self._start - more, low)
            self._start -= more
        else:
            self._move(self._start + high, self._start + high + more, after)
            self._end += more
        if pieces:
            self._room[self._start + low : self._start + low + len(pieces)] = pieces

    def _move(self, source: int, to: int, count: int) -> None:
        if count and source != to:
            self._room[to : to + count] = self._room[source : source + count]

    def _settle(self, pieces: CoverArray, more: int = 0) -> None:
        """Lay the pieces in the middle of an array, with as much room again on either side."""
        count = len(pieces)
        margin = max(count, more, _LEAST_ROOM)
        room = np.empty((count + 2 * margin, NOTHING.shape[1]), np.int64)
        self._start, self._end = margin, margin + count
        room[self._start : self._end] = pieces
        self._room = room


def _joined_pieces(pieces: list[Piece]) -> list[Piece]:
    """With touching ones of the same place as one."""
    joined: list[Piece] = []
    for first, end, place in pieces:
        if joined and joined[-1][1] == first and joined[-1][2] == place:
            first = joined.pop()[0]
        joined.append((first, end, place))
    return joined


def block_hulls(ranges: Iterable[Interval]) -> list[Interval]:
    """The ranges widened to whole 2 MiB blocks, and made one where they then meet."""
    return united(
        (first - first % PAGES_PER_2M, end + -end % PAGES_PER_2M) for first, end in ranges
    )


class LiveSlots:
    """Memslots by address space and id, and by where they are.

    There may be 32764 of them, and each change asks for its neighbours. Those of like size (the
    same power of two) lie together, in order: of these, all that touch a range begin in it or not
    much farther before it than they are long.
    """

    def __init__(self, memslots: Iterable[Memslot] = ()) -> None:
        self._slots: dict[SlotKey, Memslot] = {}
        self._by_size: defaultdict[int, list[_Start]] = defaultdict(list)
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


def _begin(start: _Start) -> int:
    return start[0]
