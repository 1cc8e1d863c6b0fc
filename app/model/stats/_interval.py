"""What happened in an interval of time: the numbers of a storm's page, exact."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, is_vague, learning_events
from app.model.guest import Certainty, EventKind, Outcome, PageState, To
from app.model.stats._breakdowns import Breakdowns, SlotRange, is_timed
from app.model.stats._flip_runs import FlipBorders, FlipRunArray, flips_among
from app.model.stats._ping_pong import mixed_runs

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BREAKERS = 10
"""So many of the runs whose conversions broke most 2 MiB blocks are listed."""
AT_ONCE = 1 << 17
"""So many latencies of a storm's millions are looked at in floating point."""
FAILURES_KEPT = 10_000
"""Of each errno: enough to show where calls failed, whatever their number."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of the calls whose end was seen, ns."""

    calls: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int
    total_ns: int  # what all threads together spent converting
    by_power: tuple[int, ...]  # how many took less than 2, 4, 8, ... ns, and no less than half


@dataclass(frozen=True, slots=True)
class Breaker:
    """Conversions of one run of pages that left 2 MiB blocks mixed which had been whole."""

    event: int  # sequence number of the first of them in its VM
    times: int
    blocks: int


class Numbers:
    """Numbers that come in chunks."""

    def __init__(self) -> None:
        self._chunks: list[Ints] = [np.zeros(0, np.int64)]

    def add(self, chunk: Ints) -> None:
        if len(chunk):
            self._chunks.append(chunk)

    @property
    def all(self) -> Ints:
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0]

    def holds(self, numbers: Ints) -> Mask:
        """Which of some numbers, ascending as these do, are among these."""
        if not len(self.all):
            return np.zeros(len(numbers), np.bool_)
        at = np.minimum(np.searchsorted(self.all, numbers), len(self.all) - 1)
        found: Mask = self.all[at] == numbers
        return found


@dataclass
class IntervalCounts:
    """Conversions by effect time in an interval, and what they did to the pages.

    Events and changes may come in any number of chunks; all changes of an event come before it.
    What is no field is counted when it is first asked for: after the last chunk.
    """

    slots: tuple[SlotRange, ...] = ()  # the memslots alive in it, by ascending gfn
    breakdowns: Breakdowns = field(init=False)
    pages_asked: int = 0  # by all calls of known range, whatever became of them
    asked_to_private: int = 0  # of them
    asked_to_shared: int = 0
    unplaced: int = 0  # calls of unknown range
    undirected: int = 0  # calls of known range and unknown direction
    noop: int = 0  # applied calls whose pages were all known to be as asked already
    vague: int = 0  # calls that leave open what they changed (see app.model.events)
    pages_to_private: int = 0  # pages that went from known shared to private ...
    pages_to_shared: int = 0  # ... and back: each time counts
    failures: dict[int, EventArray] = field(default_factory=dict)
    """By errno: the first calls that failed so."""
    punched_pages: int = 0
    unplaced_holes: int = 0  # holes punched at a place that is not known
    is_unknown_met: bool = False  # pages in memslots became or ceased to be unknown

    def __post_init__(self) -> None:
        self.breakdowns = Breakdowns(self.slots)
        self._kinds = np.zeros(max(EventKind) + 1, np.int64)
        self._net = np.zeros(len(PageState), np.int64)
        self._learning = Numbers()  # events by which pages became known
        self._changing = Numbers()  # events that changed a page
        self._latencies = Numbers()
        self._flips = FlipBorders()
        self._mixed: list[ChangeArray] = [np.zeros(0, CHANGE)]

    def add_events(self, events: EventArray, seqs: Ints) -> None:
        """`seqs` are their numbers in the VM."""
        self._kinds += np.bincount(events["kind"], minlength=len(self._kinds))
        is_punch = events["kind"] == EventKind.PUNCH_HOLE
        is_punch &= events["outcome"] == Outcome.APPLIED
        has_place = events["range_certainty"] != Certainty.UNKNOWN
        self.punched_pages += int(events["npages"][is_punch & has_place].sum())
        self.unplaced_holes += int(np.count_nonzero(is_punch & ~has_place))
        is_call = events["kind"] == EventKind.CONVERSION
        self._add_calls(events[is_call], seqs[is_call])

    def _add_calls(self, calls: EventArray, seqs: Ints) -> None:
        vague, npages, to = is_vague(calls), calls["npages"], calls["to"]
        self.vague += int(np.count_nonzero(vague))
        self.breakdowns.add(calls, vague | self._learning.holds(seqs))
        is_placed = calls["range_certainty"] != Certainty.UNKNOWN
        self.unplaced += int(np.count_nonzero(~is_placed))
        self.undirected += int(np.count_nonzero(is_placed & (to == To.UNKNOWN)))
        self.pages_asked += int(npages[is_placed].sum())
        self.asked_to_private += int(npages[is_placed & (to == To.PRIVATE)].sum())
        self.asked_to_shared += int(npages[is_placed & (to == To.SHARED)].sum())
        is_applied = calls["outcome"] == Outcome.APPLIED
        changes_nothing = ~self._changing.holds(seqs)
        changes_nothing &= is_placed & (to != To.UNKNOWN) & is_applied
        self.noop += int(np.count_nonzero(changes_nothing))
        self._latencies.add(calls["latency_ns"][is_timed(calls)])
        self._add_failures(calls[calls["outcome"] == Outcome.FAILED])

    def _add_failures(self, failed: EventArray) -> None:
        for errno in np.unique(failed["errno"]).tolist():
            kept = self.failures.get(errno, failed[:0])
            more = failed[failed["errno"] == errno][: FAILURES_KEPT - len(kept)]
            self.failures[errno] = np.concatenate((kept, more))

    def add_changes(self, changes: ChangeArray) -> None:
        before, after, inside = changes["before"], changes["after"], changes["in_memslot"]
        npages = changes["npages"][inside].astype(np.int64)
        np.add.at(self._net, after[inside], npages)
        np.add.at(self._net, before[inside], -npages)
        is_unknown = (before == PageState.UNKNOWN) != (after == PageState.UNKNOWN)
        self.is_unknown_met |= bool((inside & is_unknown).any())
        self._learning.add(learning_events(changes))
        is_by_call = (before != PageState.NO_MEMSLOT) & (changes["event"] >= 0)
        is_by_call &= (after < PageState.UNKNOWN) | (before == PageState.UNKNOWN)
        changing = changes["event"][is_by_call]  # ascending: each event's rows follow each other
        self._changing.add(changing[np.diff(changing, prepend=-1) != 0])
        self._mixed.append(mixed_runs(changes))
        flips = flips_among(changes)
        self._flips.add(flips)
        self.pages_to_private += int(flips["npages"][flips["after"] == PageState.PRIVATE].sum())
        self.pages_to_shared += int(flips["npages"][flips["after"] == PageState.SHARED].sum())

    @property
    def others(self) -> dict[EventKind, int]:
        """Events that are no conversions."""
        kinds = (kind for kind in EventKind if kind != EventKind.CONVERSION)
        return {kind: int(self._kinds[kind]) for kind in kinds if self._kinds[kind]}

    @property
    def net_private(self) -> int:
        """By how many pages in memslots there were more private ones afterwards."""
        return int(self._net[PageState.PRIVATE])

    @property
    def net_shared(self) -> int:
        return int(self._net[PageState.SHARED])

    @property
    def net_unknown(self) -> int:
        return int(self._net[PageState.UNKNOWN])

    @property
    def is_net_open(self) -> bool:
        """Pages may have changed while their state was unknown: net is of the known."""
        return self.is_unknown_met or self.vague > 0 or EventKind.DOUBT in self.others

    @cached_property
    def _mixed_runs(self) -> ChangeArray:
        """Of known state before and after."""
        mixed = np.concatenate(self._mixed)
        is_known = (mixed["before"] != PageState.UNKNOWN) & (mixed["after"] != PageState.UNKNOWN)
        runs: ChangeArray = mixed[is_known]
        return runs

    @property
    def blocks_broken(self) -> int:
        """2 MiB blocks that became mixed: each time counts."""
        delta = self._mixed_runs["mixed_delta"]
        return int(delta[delta > 0].sum())

    @property
    def blocks_healed(self) -> int:
        """2 MiB blocks that became whole again: each time counts."""
        delta = self._mixed_runs["mixed_delta"]
        return -int(delta[delta < 0].sum())

    @cached_property
    def breakers(self) -> tuple[Breaker, ...]:
        return _breakers(self._mixed_runs)

    @cached_property
    def latencies(self) -> Latencies | None:
        """None: the end of no call was seen."""
        return _latencies(self._latencies.all)

    @cached_property
    def flip_runs(self) -> FlipRunArray:
        """Of pages flipped at least `BACK_AND_FORTH` times."""
        return self._flips.runs()


def _breakers(mixed: ChangeArray) -> tuple[Breaker, ...]:
    """The runs whose conversions broke most blocks, first those that broke more."""
    mixed = mixed[(mixed["event"] >= 0) & (mixed["mixed_delta"] > 0)]
    keys = mixed["gfn"].astype(np.int64) << 23 | np.minimum(mixed["npages"], (1 << 23) - 1).astype(
        int
    )
    _, first, which, times = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    broken = np.bincount(which, mixed["mixed_delta"], len(first)).astype(np.int64)
    order = np.lexsort((first, -broken))[:BREAKERS]
    return tuple(
        Breaker(int(mixed["event"][first[i]]), int(times[i]), int(broken[i])) for i in order
    )


def _latencies(latencies: Ints) -> Latencies | None:
    if not len(latencies):
        return None
    quantiles = np.quantile(latencies, (0.5, 0.95, 0.99), method="inverted_cdf")
    p50, p95, p99 = (int(value) for value in quantiles)
    total = int(latencies.sum())
    by_power = np.zeros(66, np.int64)
    for first in range(0, len(latencies), AT_ONCE):
        some = np.maximum(latencies[first : first + AT_ONCE], 1).astype(np.float64)
        by_power += np.bincount(np.frexp(some)[1], minlength=len(by_power))
    powers = tuple(np.trim_zeros(by_power[1:], "b").tolist())
    return Latencies(len(latencies), p50, p95, p99, int(latencies.max()), total, powers)
