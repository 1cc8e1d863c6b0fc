"""A reader that moves guest memory elsewhere: for reports that may leave the house."""

import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from app.model.events import (
    PAGES_PER_1G,
    Certainty,
    ChangeArray,
    EventArray,
    EventKind,
)
from app.model.filtering import ANY, EventFilter
from app.model.layout import Memslot
from app.model.raster import Churn, Grid, Raster
from app.store.event_reader import Seqs
from app.store.reader import Reader
from app.store.tables import Note

MOST_GIB = 1 << 16


def random_shift() -> int:
    """Pages: whole GiB, so that huge pages stay where their borders are."""
    return (1 + secrets.randbelow(MOST_GIB)) * PAGES_PER_1G


class ConcealingReader(Reader):
    """Guest frames are told `shift` pages higher than they are, threads by numbers of their own,
    host addresses not at all, nor what people wrote.

    Page maps are not moved: only their sums may be told.
    """

    def __init__(self, engine: Engine, shift: int) -> None:
        super().__init__(engine)
        self._shift = np.uint64(shift)
        self._threads: dict[int, int] = {}  # tid: its number, from 1 in the order they were met

    def memslots(self, vm_id: int, at: int | None = None) -> list[Memslot]:
        return [self._moved_slot(slot) for slot in super().memslots(vm_id, at)]

    def _moved_slot(self, slot: Memslot) -> Memslot:
        return replace(slot, base_gfn=slot.base_gfn + int(self._shift), userspace_addr=None)

    def notes(self, vm_id: int, t_from: int | None = None, t_to: int | None = None) -> list[Note]:
        return [self._mute(note) for note in super().notes(vm_id, t_from, t_to)]

    def _mute(self, note: Note) -> Note:
        return Note(
            id=note.id,
            vm_id=note.vm_id,
            from_t=note.from_t,
            to_t=note.to_t,
            gfn=None if note.gfn is None else note.gfn + int(self._shift),
            npages=note.npages,
            text="",
            written_ns=0,
        )

    def iter_events(
        self,
        vm_id: int,
        *,
        t_from: int | None = None,
        t_to: int | None = None,
        gfn_from: int | None = None,
        gfn_to: int | None = None,
        kinds: Collection[EventKind] | None = None,
        where: EventFilter = ANY,
        after_seq: int = -1,
        before_seq: int | None = None,
    ) -> Iterator[tuple[EventArray, Seqs]]:
        chunks = super().iter_events(
            vm_id,
            t_from=t_from,
            t_to=t_to,
            gfn_from=self._real(gfn_from),
            gfn_to=self._real(gfn_to),
            kinds=kinds,
            where=self._real_filter(where),
            after_seq=after_seq,
            before_seq=before_seq,
        )
        for events, seqs in chunks:
            moved = events.copy()
            moved["gfn"][moved["range_certainty"] != Certainty.UNKNOWN] += self._shift
            moved["tid"] = self._numbers(events["tid"])
            yield moved, seqs

    def _numbers(self, tids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """What stands for each thread; 0, a thread that is not known, stays 0."""
        known, first, which = np.unique(tids, return_index=True, return_inverse=True)
        for tid in known[np.argsort(first)].tolist():
            if tid:
                self._threads.setdefault(tid, len(self._threads) + 1)
        numbers = np.array([self._threads.get(tid, 0) for tid in known.tolist()], np.int32)
        return numbers[which]

    def _real_filter(self, where: EventFilter) -> EventFilter:
        moved = where.moved(-int(self._shift))
        if where.tids is None:
            return moved
        real = {number: tid for tid, number in self._threads.items()} | {0: 0}
        tids = frozenset(real[number] for number in where.tids if number in real)
        return replace(moved, tids=tids)

    def iter_changes(
        self,
        vm_id: int,
        *,
        t_from: int | None = None,
        t_to: int | None = None,
        gfn_from: int | None = None,
        gfn_to: int | None = None,
    ) -> Iterator[ChangeArray]:
        chunks = super().iter_changes(
            vm_id,
            t_from=t_from,
            t_to=t_to,
            gfn_from=self._real(gfn_from),
            gfn_to=self._real(gfn_to),
        )
        for changes in chunks:
            moved = changes.copy()
            moved["gfn"] += self._shift
            yield moved

    def _real(self, gfn: int | None) -> int | None:
        return None if gfn is None else max(0, gfn - int(self._shift))

    def fit(self, vm_id: int, grid: Grid) -> Grid:
        return self._moved_grid(super().fit(vm_id, self._real_grid(grid)))

    def raster(self, vm_id: int, grid: Grid) -> Raster:
        return super().raster(vm_id, self._real_grid(grid))

    def churn(self, vm_id: int, grid: Grid) -> Churn:
        return super().churn(vm_id, self._real_grid(grid))

    def _real_grid(self, grid: Grid) -> Grid:
        return Grid(grid.t_edges, grid.row_first - self._shift, grid.row_end - self._shift)

    def _moved_grid(self, grid: Grid) -> Grid:
        return Grid(grid.t_edges, grid.row_first + self._shift, grid.row_end + self._shift)
