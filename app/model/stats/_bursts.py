"""Bursts: intervals in which something came far more often than in the rest of a recording.

What counts as a burst depends on instants alone: on bins of one fixed grid that begins with the
recording, and on the events at its ends. Neither the order in which events arrived nor what anybody
looks at changes it.

1. The baseline is the lower decile of the rates of all bins: a burst that fills less than nine
   tenths of a recording does not raise it.
2. A bin is hot if its rate is at least `min_rate` and `over_baseline` times the baseline, or at
   least `certain_rate`: in a recording of nothing but a storm there is nothing to compare with.
3. Hot bins no further apart than `join_gap_ns` are one burst.
4. Its ends are events: the first and the last that keep the beat of those next to them.
5. It counts if it has `min_calls`, or `boot_min_calls` while the guest boots, which every guest
   does with thousands of conversions: from its creation to the first `calm_ns` without a hot bin.
6. The same is done once more with bins of `COARSE_SHIFT`: a burst that comes in pulses, none of
   which counts, counts as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BIN_SHIFT = 27
"""Bins of 2^27 ns, 134 ms."""
COARSE_SHIFT = 30
"""Bins of 2^30 ns, 1.07 s: wide enough for one pulse a second."""
MAIN_PART = 0.5
"""Of a wide burst's calls: narrow bursts that hold as much stand for it."""
BASELINE_QUANTILE = 0.1
NEIGHBOURS = 9
"""So many gaps show the beat at an end of a burst ..."""
OFF_MEDIAN, OFF_MEAN = 7.0, 2.0
"""... and an event that lies further from them than so many medians and means is none of it. The
median is not blurred by calm gaps among the nine, the mean not by calls that come in twos."""

Instants = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BurstRule:
    """The thresholds. Rates are events per second."""

    min_calls: int
    boot_min_calls: int
    min_rate: float
    certain_rate: float
    over_baseline: float = 5.0
    join_gap_ns: int = 500_000_000
    calm_ns: int = 2_000_000_000


CONVERSIONS = BurstRule(1_000, boot_min_calls=20_000, min_rate=200.0, certain_rate=5_000.0)
FAULTS = BurstRule(30_000, boot_min_calls=100_000, min_rate=2_000.0, certain_rate=100_000.0)


@dataclass(frozen=True, slots=True)
class Bins:
    """How many events the bins [first, end) of a grid hold. Bin n begins at n << shift ns.

    Only those that hold any are kept: a recording may be calm for weeks.
    """

    first: int
    end: int
    at: Numbers  # [n], ascending
    counts: Numbers  # [n], 1 or more
    shift: int = BIN_SHIFT

    @classmethod
    def of_dense(cls, first: int, counts: Numbers) -> "Bins":
        """From the counts of neighbouring bins, those that hold nothing among them."""
        at = np.flatnonzero(counts)
        return cls(first, first + len(counts), first + at, counts[at])

    @classmethod
    def of_all(cls, first: int, end: int, parts: Sequence["Bins"]) -> "Bins":
        """What parts of an interval hold together; a bin may be in several."""
        empty = np.zeros(0, np.int64)
        at, which = np.unique(
            np.concatenate((empty, *(part.at for part in parts))), return_inverse=True
        )
        counts = np.zeros(len(at), np.int64)
        np.add.at(counts, which, np.concatenate((empty, *(part.counts for part in parts))))
        return cls(first, end, at, counts)

    @property
    def rates(self) -> npt.NDArray[np.float64]:
        """Events per second of the bins that hold any."""
        rates: npt.NDArray[np.float64] = self.counts * _per_second(self.shift)
        return rates

    @property
    def tally(self) -> "Tally":
        """How many of the bins that hold any hold how many."""
        held, bins = np.unique(self.counts, return_counts=True)
        return Tally(held, bins)

    @property
    def baseline(self) -> float:
        """The rate of the lower decile of all bins, the empty ones among them; per second."""
        return self.tally.baseline(self.end - self.first, self.shift)

    def between(self, first: int, end: int) -> "Bins":
        """Those of [first, end) alone."""
        inside = slice(*np.searchsorted(self.at, (first, end)))
        return Bins(first, end, self.at[inside], self.counts[inside], self.shift)

    def held(self, first: Numbers, end: Numbers) -> Numbers:
        """How many events each of several intervals [first, end) holds."""
        before = np.concatenate(([0], np.cumsum(self.counts)))
        counts: Numbers = before[np.searchsorted(self.at, end)]
        return counts - before[np.searchsorted(self.at, first)]

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def peak(self) -> float:
        """Of a bin, events per second."""
        return float(self.rates.max(initial=0.0))

    def wider(self, shift: int) -> "Bins":
        """The same events in wider bins, on the grid of those."""
        by = shift - self.shift
        at, which = np.unique(self.at >> by, return_inverse=True)
        counts = np.zeros(len(at), np.int64)
        np.add.at(counts, which, self.counts)
        return Bins(self.first >> by, ((self.end - 1) >> by) + 1, at, counts, shift)


def _per_second(shift: int) -> np.float64:
    """What one event in a bin is as a rate."""
    return np.float64(1e9 / (1 << shift))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many bins hold how many events, those without any left out: a recording's bins in few
    numbers, however long it is."""

    held: Numbers  # [n], ascending
    bins: Numbers  # [n], 1 or more

    @classmethod
    def of_nothing(cls) -> "Tally":
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    def with_others(self, others: "Tally") -> "Tally":
        """The same of other bins as well."""
        held, which = np.unique(np.concatenate((self.held, others.held)), return_inverse=True)
        bins = np.zeros(len(held), np.int64)
        np.add.at(bins, which, np.concatenate((self.bins, others.bins)))
        return Tally(held, bins)

    def baseline(self, bins: int, shift: int) -> float:
        """The rate of the lower decile of so many bins, all others of which are empty."""
        place = BASELINE_QUANTILE * (bins - 1)
        low = int(place)
        if place < 0:
            return 0.0
        below, above = (self._nth(i, bins) for i in (low, min(low + 1, bins - 1)))
        return float((below + (above - below) * (place - low)) * _per_second(shift))

    def _nth(self, place: int, bins: int) -> float:
        """What the bin at a place holds, of all in order of that."""
        ends = np.cumsum(self.bins)
        empty = bins - int(ends[-1]) if len(ends) else bins
        if place < empty:
            return 0.0
        return float(self.held[np.searchsorted(ends, place - empty, side="right")])


@dataclass(frozen=True, slots=True)
class Burst:
    """[from_t, to_t], both of them instants of events, ns."""

    from_t: int
    to_t: int
    calls: int
    in_boot: bool


@dataclass(frozen=True, slots=True)
class Bursts:
    """What was found, and what it was measured against."""

    bursts: tuple[Burst, ...]
    baseline_rate: float  # events per second
    threshold_rate: float
    boot_end_t: int | None  # None: the guest's creation was not seen


InstantsIn = Callable[[int, int], Instants]
"""All events' instants in [from, to), ascending."""


def find_bursts(
    bins: Bins, instants_in: InstantsIn, rule: BurstRule, created_t: int | None
) -> Bursts:
    """`created_t` is when the guest was created, None if that was not seen."""
    baseline = bins.baseline
    thresholds = Thresholds(
        threshold_over(baseline, rule), threshold_over(bins.wider(COARSE_SHIFT).baseline, rule)
    )
    boot_end_t = None
    if created_t is not None:
        boot_end_t = boot_end(bins, thresholds.narrow, rule, created_t, created_t)
    found = bursts_over(thresholds, bins, instants_in, rule, boot_end_t)
    return Bursts(tuple(found), baseline, thresholds.narrow, boot_end_t)


class Thresholds(NamedTuple):
    """What a hot bin has at least, events per second, by the baseline of bins of its width."""

    narrow: float
    wide: float


def threshold_over(baseline: float, rule: BurstRule) -> float:
    """Of bins of one width."""
    return max(rule.min_rate, min(rule.over_baseline * baseline, rule.certain_rate))


def bursts_over(
    thresholds: Thresholds,
    bins: Bins,
    instants_in: InstantsIn,
    rule: BurstRule,
    boot_end_t: int | None,
) -> list[Burst]:
    """By start."""
    narrow = list(_bursts_among(bins, instants_in, rule, thresholds.narrow, boot_end_t))
    wide = bins.wider(COARSE_SHIFT)
    return _united(narrow, _bursts_among(wide, instants_in, rule, thresholds.wide, boot_end_t))


def hot(bins: Bins, threshold: float) -> Numbers:
    """Those bins that are; no rule calls an empty one hot, for `min_rate` is above 0."""
    return bins.at[bins.rates >= threshold]


def _bursts_among(
    bins: Bins,
    instants_in: InstantsIn,
    rule: BurstRule,
    threshold: float,
    boot_end_t: int | None,
) -> Iterator[Burst]:
    """What counts as a burst in bins of one width."""
    fewest = min(rule.min_calls, rule.boot_min_calls)
    firsts, lasts = _joined(hot(bins, threshold), rule.join_gap_ns >> bins.shift)
    # Others cannot count, wherever they begin and end in their bins and those beside them.
    may_count = bins.held(firsts - 1, lasts + 2) >= fewest
    for first, last in _pairs(firsts[may_count], lasts[may_count]):
        from_t, to_t, calls = _exact(bins, first, last, threshold, instants_in)
        in_boot = boot_end_t is not None and from_t < boot_end_t
        if calls >= (rule.boot_min_calls if in_boot else rule.min_calls):
            yield Burst(from_t, to_t, calls, in_boot)


def _united(narrow: list[Burst], wide: Iterable[Burst]) -> list[Burst]:
    """The narrow ones, and each wide one that they do not account for in their place."""
    chosen = list(narrow)
    for burst in wide:
        inside = [n for n in chosen if n.from_t <= burst.to_t and n.to_t >= burst.from_t]
        if sum(n.calls for n in inside) < MAIN_PART * burst.calls:
            chosen = [n for n in chosen if n not in inside] + [burst]
    return sorted(chosen, key=lambda burst: burst.from_t)


def _joined(hot: Numbers, most_cold: int) -> tuple[Numbers, Numbers]:
    """Runs of hot bins with at most so many others between them: (first, last)."""
    is_cut = np.diff(hot) > most_cold + 1
    edge = np.ones(min(len(hot), 1), np.bool_)
    return hot[np.concatenate((edge, is_cut))], hot[np.concatenate((is_cut, edge))]


def _pairs(firsts: Numbers, lasts: Numbers) -> Iterator[tuple[int, int]]:
    return zip(firsts.tolist(), lasts.tolist(), strict=True)


def boot_end(bins: Bins, threshold: float, rule: BurstRule, created_t: int, busy_until: int) -> int:
    """When the guest was first calm after its creation; that itself if it was so at once.
    `busy_until`: the same as far as earlier bins show it."""
    end = busy_until
    for first, last in _pairs(*_joined(hot(bins, threshold), 0)):
        if (last + 1) << bins.shift <= created_t:
            continue
        if (first << bins.shift) - end >= rule.calm_ns:
            break
        end = (last + 1) << bins.shift
    return end


def _exact(
    bins: Bins, first: int, last: int, threshold: float, instants_in: InstantsIn
) -> tuple[int, int, int]:
    """(first instant, last instant, events) of a run of hot bins."""
    before, after = max(first - 1, bins.first), min(last + 1, bins.end - 1)
    head = instants_in(before << bins.shift, (first + 1) << bins.shift)
    tail = instants_in(last << bins.shift, (after + 1) << bins.shift)
    widest_beat = 1e9 / threshold
    skipped, cut = _off_beat(head, widest_beat), _off_beat(-tail[::-1], widest_beat)
    between = bins.between(before, after + 1).total
    return int(head[skipped]), int(tail[len(tail) - 1 - cut]), between - skipped - cut


def _off_beat(instants: Instants, widest_beat: float) -> int:
    """How many of the first do not keep the beat of those that follow them: they are of the calm
    before the burst."""
    gaps = np.diff(instants)
    if len(gaps) <= NEIGHBOURS:
        return 0
    among = np.lib.stride_tricks.sliding_window_view(gaps[1:], NEIGHBOURS)
    mean = among.mean(axis=1)
    widest = np.maximum(OFF_MEDIAN * np.median(among, axis=1), OFF_MEAN * mean)
    keeps = (gaps[: len(among)] <= np.maximum(widest, 1.0)) & (mean <= widest_beat)
    return int(np.argmax(keeps)) if keeps.any() else 0
