"""What may lie twice: halves of pages that a conversion left behind and nobody freed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

import numpy as np
from pydantic import Field

from app.model.events import CHANGE, EVENT, LIMIT, Window, effect_time
from app.model.guest import (
    Backing,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
)
from app.model.intervals import united
from app.model.pagemap import PageMap
from app.model.stats import ANYTHING, DoubleAllocation, EventFilter, EventQuery, RunSet, put_into
from app.queries.figures import AtLeast, Bounds, bounded, hex_gpa, is_recorded, row_id
from app.queries.maps import edges_of, interval_of
from app.store.read import Reader
from app.store.schema import Vm
from app.store.segments import state_of

POINTS = 60
RUNS_SHOWN = 20
_PAGE_BYTES = 1
"""While accounts are made, a page takes two bits in each of four maps."""
_PUNCHED = "punched_pages"
_LEAVING = EventFilter(
    kinds=frozenset({EventKind.CONVERSION}),
    directions=frozenset({To.SHARED}),
    outcomes=frozenset({Outcome.APPLIED}),
)
"""What may leave a private half behind."""


@dataclass(frozen=True, slots=True)
class BackingPoint:
    """The accounts at one instant, in pages. Only mixed memslots have two halves.

    Of unknown pages neither half can be known to be stale: they are not in these bounds.
    """

    t: int
    private: int
    shared: int
    unknown: int
    hva_only: Annotated[
        int, Field(description="Pages in memslots that userspace_addr backs alone.")
    ]
    gmem_only: Annotated[int, Field(description="Pages that a mappable guest_memfd backs alone.")]
    mixed: Annotated[int, Field(description="Pages in memslots with both.")]
    private_half: Annotated[Bounds, Field(description="guest_memfd pages that exist, of mixed.")]
    stale_private: Annotated[
        Bounds, Field(description="Shared pages whose guest_memfd page (may) still exist.")
    ]
    stale_shared: Annotated[
        Bounds, Field(description="Private pages whose shared half may still exist.")
    ]


@dataclass(frozen=True, slots=True)
class StaleRun:
    """Pages that were converted to shared while their private half was not freed."""

    gfn: int
    npages: int
    gpa: str
    since_t: Annotated[int | None, Field(description="The conversion that left them behind.")]
    seq: Annotated[int | None, Field(description="Its number.")]
    tid: int | None


@dataclass(frozen=True, slots=True)
class BackingView:
    """The accounts over time, and where at the end pages may lie twice."""

    vm: int
    points: Annotated[list[BackingPoint], Field(description="None where no memslot is known.")]
    stale_private: Annotated[list[StaleRun], Field(description="At the last point, largest first.")]
    stale_private_runs: Annotated[
        int | None,
        Field(description="How many there are in all. Null: no memslot is known."),
    ]
    punched_pages: Annotated[int | None, Field(description="By holes punched into guest_memfds.")]
    frees_are_seen: Annotated[bool, Field(description="A freed page was seen at least once.")]
    at_least: AtLeast


class Accounts:
    """Keeps accounts; they are kept until the VM has news."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def of(self, vm: Vm, from_t: int | None, to_t: int | None) -> BackingView:
        """At up to `POINTS` instants of an interval. It costs one pass over all events before."""
        return self._reader.cache.get(
            ("backing", vm.id, vm.revision, from_t, to_t),
            lambda: self._counted(vm, from_t, to_t),
            version=state_of(row_id(vm), vm.revision),
        )

    def holds(self, vm: Vm, from_t: int | None, to_t: int | None) -> bool:
        """Whether `of` need not count."""
        return self._reader.cache.holds(("backing", vm.id, vm.revision, from_t, to_t))

    def _counted(self, vm: Vm, from_t: int | None, to_t: int | None) -> BackingView:
        pages = vm.private_pages + vm.shared_pages + vm.unknown_pages
        with self._reader.cache.room(pages * _PAGE_BYTES):
            return self._keep(vm, from_t, to_t)

    def _keep(self, vm: Vm, from_t: int | None, to_t: int | None) -> BackingView:
        vm_id = row_id(vm)
        start, end = interval_of(self._reader, vm_id, from_t, to_t)
        if vm.ended_t is not None and to_t is None:
            end = max(start + 1, min(end, vm.ended_t))
        instants = (edges_of(start, end, POINTS)[1:] - 1).tolist()
        allocation, points = DoubleAllocation(vm.start_state), list[BackingPoint]()
        punched, freed, unplaced = 0, False, False
        maps = self._maps(vm, instants)
        for t, events in self._until(vm_id, instants):
            is_free = np.isin(events["kind"], (EventKind.PUNCH_HOLE, EventKind.DEPOPULATE))
            is_free &= events["outcome"] == Outcome.APPLIED
            has_place = events["range_certainty"] != Certainty.UNKNOWN
            punched += int(events["npages"][is_free & has_place].sum())
            unplaced |= bool((is_free & ~has_place).any())
            freed |= bool(is_free.any())
            allocation.add(events)
            if t is not None:
                page_map = next(maps)
                points.append(backing_point(t, page_map, allocation))
        stale = _stale(page_map, allocation)
        runs = self._largest(vm_id, stale, instants[-1])
        coverage = self._reader.recording(vm.recording_id).coverage
        is_open = unplaced or not (freed or is_recorded(coverage, "punch_hole"))
        sums, least = bounded({_PUNCHED: punched}, {_PUNCHED} if is_open else ())
        if not vm.layout_is_known:
            return BackingView(vm_id, [], [], None, sums[_PUNCHED], freed, least)
        return BackingView(vm_id, points, runs, len(stale.first), sums[_PUNCHED], freed, least)

    def _maps(self, vm: Vm, instants: list[int]) -> Iterator[PageMap]:
        """The state after each instant: one map that is taken on, cheaper than one for each."""
        page_map, done = PageMap(vm.start_state), None
        memslots = self._reader.memslots(row_id(vm))
        for t in instants:
            alive = [slot for slot in memslots if slot.is_alive_at(t)]
            for changes in self._reader.iter_changes(row_id(vm), Window.of(done, t + 1)):
                page_map.replay(changes, alive)
            page_map.replay(np.zeros(0, CHANGE), alive)
            done = t + 1
            yield page_map

    def _until(self, vm_id: int, instants: list[int]) -> Iterator[tuple[int | None, np.ndarray]]:
        """Events in order, cut after each instant; with the instant that a part reaches."""
        waiting = list(instants)
        for events in self._reader.iter_counted(vm_id, t_to=instants[-1] + 1):
            times, done = effect_time(events), 0
            while waiting and waiting[0] < int(times[-1]):
                cut = int(np.searchsorted(times, waiting[0], side="right"))
                yield waiting.pop(0), events[done:cut]
                done = cut
            yield None, events[done:]
        nothing = np.zeros(0, EVENT)
        for t in waiting:
            yield t, nothing

    def _largest(self, vm_id: int, stale: RunSet, t: int) -> list[StaleRun]:
        sizes = stale.end - stale.first
        order = np.argsort(-sizes, kind="stable")[:RUNS_SHOWN]
        return [
            self._stale_run(vm_id, int(stale.first[i]), int(sizes[i]), t) for i in order.tolist()
        ]

    def _stale_run(self, vm_id: int, gfn: int, npages: int, t: int) -> StaleRun:
        """With the last conversion to shared of its first page."""
        query = EventQuery(t_to=t + 1, gfn_from=gfn, gfn_to=gfn + 1, where=_LEAVING)
        chunks = self._reader.iter_events(vm_id, query, before_seq=LIMIT)
        since, seq, tid = None, None, None
        for events, seqs in islice(chunks, 1):
            since, seq, tid = int(effect_time(events[:1])[0]), int(seqs[0]), int(events["tid"][0])
        return StaleRun(gfn, npages, hex_gpa(gfn), since, seq, tid)


def backing_point(t: int, page_map: PageMap, allocation: DoubleAllocation) -> BackingPoint:
    """The accounts at `t`."""
    totals, slots = page_map.totals(), page_map.memslots
    mixed = _covered(slots, Backing.MIXED)
    shared, private = put_into(PageState.SHARED), put_into(PageState.PRIVATE)
    known, may = allocation.private_known, allocation.private_may
    return BackingPoint(
        t=t,
        private=totals.private,
        shared=totals.shared,
        unknown=totals.unknown,
        hva_only=_covered(slots, Backing.HVA).pages,
        gmem_only=_covered(slots, Backing.GMEM).pages,
        mixed=mixed.pages,
        private_half=Bounds(
            known.certain(page_map, ANYTHING, mixed), may.possible(page_map, ANYTHING, mixed)
        ),
        stale_private=Bounds(
            known.certain(page_map, shared, mixed), may.possible(page_map, shared, mixed)
        ),
        stale_shared=Bounds(0, allocation.shared_may.possible(page_map, private, mixed)),
    )


def _stale(page_map: PageMap, allocation: DoubleAllocation) -> RunSet:
    """The pages whose private half may be stale."""
    mixed = _covered(page_map.memslots, Backing.MIXED)
    return allocation.private_may.possible_runs(
        RunSet.of(page_map.runs(), PageState.SHARED).meet(mixed)
    )


def _covered(slots: tuple[Memslot, ...], backing: Backing) -> RunSet:
    """The pages that memslots of one backing cover, each once."""
    ranges = united((s.base_gfn, s.end_gfn) for s in slots if s.backing is backing)
    first, end = np.array(ranges, np.int64).reshape(-1, 2).T
    return RunSet(first, end)
