"""What happened in a stretch of time: the numbers of a storm's page, exact."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, is_vague, learning_events
from app.model.guest import Certainty, EventKind, Outcome, PageState, To
from app.model.stats._breakdowns import SlotRange, Tallies, is_timed
from app.model.stats._flips import FlipBorders, FlipRunArray, flips_among
from app.model.stats._ping_pong import mixed_runs

Ints = npt.NDArray[np.int64]

BREAKERS = 10
"""So many of the runs whose conversions broke most 2 MiB blocks are listed."""
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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Conversions by effect time in the stretch, and what they did to the pages."""

    tallies: Tallies
    noop: int  # applied calls whose pages were all known to be as asked already
    pages_asked: int  # by all calls of known range, whatever became of them
    asked_to_private: int  # of them
    asked_to_shared: int
    unplaced: int  # calls of unknown range
    undirected: int  # calls of known range and unknown direction
    pages_to_private: int  # pages that went from known shared to private ...
    pages_to_shared: int  # ... and back: each time counts
    net_private: int  # by how many pages in memslots there were more private ones afterwards
    net_shared: int
    net_unknown: int
    is_net_open: bool  # pages may have changed while their state was unknown: net is of the known
    blocks_broken: int  # 2 MiB blocks that became mixed ...
    blocks_healed: int  # ... and whole again: each time counts
    breakers: tuple[Breaker, ...]
    latencies: Latencies | None  # None: the end of no call was seen
    failures: dict[int, EventArray]  # errno -> the first calls that failed so
    others: dict[EventKind, int]  # events that are no conversions
    punched_pages: int
    unplaced_holes: int  # holes punched at a place that is not known
    flip_runs: FlipRunArray  # of pages flipped at least `flips.BACK_AND_FORTH` times


class StretchSums:
    """A stretch in the making. Events and changes may come in any number of chunks; all changes of
    an event come before it."""

    def __init__(self, slots: tuple[SlotRange, ...] = ()) -> None:
        """`slots` are the memslots alive in it, by ascending gfn."""
        self._tallies = Tallies(slots)
        self._asked = np.zeros(2, np.int64)  # by To
        self._pages_asked = 0
        self._unplaced = self._undirected = self._vague = 0
        self._learning: list[Ints] = []  # events by which pages became known
        self._is_unknown_met = False  # pages in memslots became or ceased to be unknown
        self._candidates: list[Ints] = [np.zeros(0, np.int64)]  # calls that may be no-ops
        self._changed: list[Ints] = [np.zeros(0, np.int64)]  # events that changed a page
        self._latencies: list[Ints] = [np.zeros(0, np.int64)]
        self._failures: dict[int, list[EventArray]] = {}
        self._others = np.zeros(max(EventKind) + 1, np.int64)
        self._punched = self._unplaced_holes = 0
        self._flips = FlipBorders()
        self._flipped = np.zeros(2, np.int64)  # by the state afterwards
        self._states = np.zeros(4, np.int64)  # by PageState
        self._mixed: list[ChangeArray] = [np.zeros(0, CHANGE)]

    def add_events(self, events: EventArray, seqs: Ints) -> None:
        """`seqs` are their numbers in the VM."""
        self._others += np.bincount(events["kind"], minlength=len(self._others))
        is_punch = events["kind"] == EventKind.PUNCH_HOLE
        is_punch &= events["outcome"] == Outcome.APPLIED
        has_place = events["range_certainty"] != Certainty.UNKNOWN
        self._punched += int(events["npages"][is_punch & has_place].sum())
        self._unplaced_holes += int(np.count_nonzero(is_punch & ~has_place))
        is_call = events["kind"] == EventKind.CONVERSION
        self._add_calls(events[is_call], seqs[is_call])

    def _add_calls(self, calls: EventArray, seqs: Ints) -> None:
        vague = is_vague(calls)
        self._vague += int(np.count_nonzero(vague))
        self._tallies.add(calls, vague | self._is_learning(seqs))
        is_placed = calls["range_certainty"] != Certainty.UNKNOWN
        self._unplaced += int(np.count_nonzero(~is_placed))
        self._undirected += int(np.count_nonzero(is_placed & (calls["to"] == To.UNKNOWN)))
        self._pages_asked += int(calls["npages"][is_placed].sum())
        for to in (To.SHARED, To.PRIVATE):
            self._asked[to] += int(calls["npages"][is_placed & (calls["to"] == to)].sum())
        is_plain = is_placed & (calls["to"] != To.UNKNOWN) & (calls["outcome"] == Outcome.APPLIED)
        self._candidates.append(seqs[is_plain])
        self._latencies.append(calls["latency_ns"][is_timed(calls)])
        self._add_failures(calls[calls["outcome"] == Outcome.FAILED])

    def _is_learning(self, seqs: Ints) -> npt.NDArray[np.bool_]:
        """Which events made pages known, those ascending as they do."""
        if len(self._learning) > 1:
            self._learning = [np.concatenate(self._learning)]
        if not self._learning:
            return np.zeros(len(seqs), np.bool_)
        (learning,) = self._learning
        at = np.minimum(np.searchsorted(learning, seqs), len(learning) - 1)
        found: npt.NDArray[np.bool_] = learning[at] == seqs
        return found

    def _add_failures(self, failed: EventArray) -> None:
        for errno in np.unique(failed["errno"]).tolist():
            kept = self._failures.setdefault(errno, [])
            room = FAILURES_KEPT - sum(len(some) for some in kept)
            kept.append(failed[failed["errno"] == errno][:room])

    def add_changes(self, changes: ChangeArray) -> None:
        inside = changes["in_memslot"]
        npages = changes["npages"][inside].astype(np.int64)
        np.add.at(self._states, changes["after"][inside], npages)
        np.add.at(self._states, changes["before"][inside], -npages)
        is_unknown = (changes["before"] == PageState.UNKNOWN) != (
            changes["after"] == PageState.UNKNOWN
        )
        self._is_unknown_met |= bool((inside & is_unknown).any())
        learning = learning_events(changes)
        if len(learning):
            self._learning.append(learning)
        is_by_call = (changes["before"] != PageState.NO_MEMSLOT) & (changes["event"] >= 0)
        is_by_call &= (changes["after"] < PageState.UNKNOWN) | (
            changes["before"] == PageState.UNKNOWN
        )
        changed = changes["event"][is_by_call]  # ascending: each event's rows follow each other
        self._changed.append(changed[np.diff(changed, prepend=-1) != 0])
        self._mixed.append(mixed_runs(changes))
        flips = flips_among(changes)
        self._flips.add(flips)
        np.add.at(self._flipped, flips["after"], flips["npages"].astype(np.int64))

    def finish(self) -> Stretch:
        mixed = np.concatenate(self._mixed)
        mixed = mixed[
            (mixed["before"] != PageState.UNKNOWN) & (mixed["after"] != PageState.UNKNOWN)
        ]
        self._others[EventKind.CONVERSION] = 0
        return Stretch(
            tallies=self._tallies,
            noop=_without(np.concatenate(self._candidates), np.concatenate(self._changed)),
            pages_asked=self._pages_asked,
            asked_to_private=int(self._asked[To.PRIVATE]),
            asked_to_shared=int(self._asked[To.SHARED]),
            unplaced=self._unplaced,
            undirected=self._undirected,
            pages_to_private=int(self._flipped[PageState.PRIVATE]),
            pages_to_shared=int(self._flipped[PageState.SHARED]),
            net_private=int(self._states[PageState.PRIVATE]),
            net_shared=int(self._states[PageState.SHARED]),
            net_unknown=int(self._states[PageState.UNKNOWN]),
            is_net_open=self._is_unknown_met
            or self._vague > 0
            or self._others[EventKind.DOUBT] > 0,
            blocks_broken=int(mixed["mixed_delta"][mixed["mixed_delta"] > 0].sum()),
            blocks_healed=-int(mixed["mixed_delta"][mixed["mixed_delta"] < 0].sum()),
            breakers=_breakers(mixed),
            latencies=_latencies(np.concatenate(self._latencies)),
            failures={errno: np.concatenate(some) for errno, some in self._failures.items()},
            others={kind: int(self._others[kind]) for kind in EventKind if self._others[kind]},
            punched_pages=self._punched,
            unplaced_holes=self._unplaced_holes,
            flip_runs=self._flips.runs(),
        )


def _without(candidates: Ints, changed: Ints) -> int:
    """How many of the candidates are not among the changed; both ascend."""
    if not len(changed):
        return len(candidates)
    at = np.minimum(np.searchsorted(changed, candidates), len(changed) - 1)
    return int(np.count_nonzero(changed[at] != candidates))


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
    powers = np.frexp(np.maximum(latencies, 1).astype(np.float64))[1]
    by_power = tuple(np.bincount(powers)[1:].tolist())
    return Latencies(len(latencies), p50, p95, p99, int(latencies.max()), total, by_power)
