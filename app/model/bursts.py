"""Bursts: stretches in which something came far more often than in the rest of a recording.

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

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

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
"""So many gaps tell the beat at an end of a burst ..."""
OFF_MEDIAN, OFF_MEAN = 7.0, 2.0
"""... and an event that lies further from them than so many medians and means is none of it. The
median is not blurred by calm gaps among the nine, the mean not by calls that come in twos."""

Instants = npt.NDArray[np.int64]


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
    """How many events each bin from the one of `first_t` on holds; the last one may be cut."""

    first_t: int
    counts: npt.NDArray[np.int64]
    shift: int = BIN_SHIFT

    @property
    def edges(self) -> Instants:
        """[len(counts) + 1], ns."""
        first = self.first_t >> self.shift
        edges: Instants = np.arange(first, first + len(self.counts) + 1) << self.shift
        return edges

    @property
    def rates(self) -> npt.NDArray[np.float64]:
        """Events per second."""
        rates: npt.NDArray[np.float64] = self.counts * np.float64(1e9 / (1 << self.shift))
        return rates

    def wider(self, shift: int) -> "Bins":
        """The same events in wider bins, on the grid of those."""
        first = self.first_t >> shift
        which = (self.edges[:-1] >> shift) - first
        counts = np.bincount(which, self.counts).astype(np.int64)
        return Bins(first << shift, counts, shift)


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
    baseline, threshold = _measure(bins, rule)
    boot_end_t = None
    if created_t is not None:
        boot_end_t = _boot_end(bins, np.flatnonzero(bins.rates >= threshold), rule, created_t)
    narrow = list(_bursts_among(bins, instants_in, rule, boot_end_t))
    wide = _bursts_among(bins.wider(COARSE_SHIFT), instants_in, rule, boot_end_t)
    return Bursts(tuple(_united(narrow, wide)), baseline, threshold, boot_end_t)


def _measure(bins: Bins, rule: BurstRule) -> tuple[float, float]:
    """(baseline, what a hot bin has at least), events per second."""
    rates = bins.rates
    baseline = float(np.quantile(rates, BASELINE_QUANTILE)) if len(rates) else 0.0
    return baseline, max(rule.min_rate, min(rule.over_baseline * baseline, rule.certain_rate))


def _bursts_among(
    bins: Bins, instants_in: InstantsIn, rule: BurstRule, boot_end_t: int | None
) -> Iterator[Burst]:
    """What counts as a burst in bins of one width."""
    _, threshold = _measure(bins, rule)
    hot = np.flatnonzero(bins.rates >= threshold)
    for first, last in _joined(hot, rule.join_gap_ns >> bins.shift):
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


def _joined(hot: npt.NDArray[np.intp], most_cold: int) -> Iterator[tuple[int, int]]:
    """Runs of hot bins with at most so many others between them: (first, last)."""
    if not len(hot):
        return
    for run in np.split(hot, np.flatnonzero(np.diff(hot) > most_cold + 1) + 1):
        yield int(run[0]), int(run[-1])


def _boot_end(bins: Bins, hot: npt.NDArray[np.intp], rule: BurstRule, created_t: int) -> int:
    """When the guest was first calm after its creation; that itself if it was so at once."""
    edges = bins.edges
    end = created_t
    for first, last in _joined(hot, 0):
        if int(edges[last + 1]) <= created_t:
            continue
        if int(edges[first]) - end >= rule.calm_ns:
            break
        end = int(edges[last + 1])
    return end


def _exact(
    bins: Bins, first: int, last: int, threshold: float, instants_in: InstantsIn
) -> tuple[int, int, int]:
    """(first instant, last instant, events) of a run of hot bins."""
    edges = bins.edges
    before, after = max(first - 1, 0), min(last + 1, len(bins.counts) - 1)
    head = instants_in(int(edges[before]), int(edges[first + 1]))
    tail = instants_in(int(edges[last]), int(edges[after + 1]))
    widest_beat = 1e9 / threshold
    skipped, cut = _off_beat(head, widest_beat), _off_beat(-tail[::-1], widest_beat)
    between = int(bins.counts[before : after + 1].sum())
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
