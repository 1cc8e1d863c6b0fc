"""Bursts of a recording that goes on: those that `find_bursts` finds in it, each event read once.

Where nothing is hot for long enough, what came before and what will come are apart: no burst joins
them, and none that is found later takes the place of one that was found. So bursts before such a
stretch are settled, and their bins are forgotten but for how many hold how many.

All this is so as long as the threshold stays. It follows the baseline, the lower decile of all
bins: as bins become more, one of them moves it less. It is therefore measured again whenever they
are by a 64th more, and if it moved, everything is to be found anew from the bins of the whole
recording.
"""

import numpy as np

from app.model.stats._bursts import (
    BIN_SHIFT,
    COARSE_SHIFT,
    Bins,
    Burst,
    BurstRule,
    Bursts,
    InstantsIn,
    Numbers,
    Tally,
    Thresholds,
    boot_end,
    bursts_over,
    hot,
    threshold_over,
)

MEASURED_AGAIN = 64
WIDTHS = (BIN_SHIFT, COARSE_SHIFT)
_BY = COARSE_SHIFT - BIN_SHIFT


class LiveBursts:
    """The bursts of one kind of events of a VM, while they happen.

    A look costs as much as came since the last calm stretch, however long the recording is.
    """

    def __init__(self, bins: Bins, rule: BurstRule, created_t: int | None) -> None:
        """Begin with all that a recording holds so far."""
        self._rule, self._created_t = rule, created_t
        self._first = bins.first
        self._bins = bins  # those in which bursts may lie that are not settled
        self._past = [Tally.of_nothing()] * len(WIDTHS)  # of all before them, by width
        self._settled: list[Burst] = []
        self._busy_until = created_t
        self._baselines = self._measured()
        self._thresholds = self._over_baselines()

    def add(self, bins: Bins) -> None:
        """Events that came since, none of them before any that came earlier; `bins.end` is how far
        time has come. A bin may hold some that are known and some that are new."""
        end = max(self._bins.end, bins.end)
        self._bins = Bins.of_all(self._bins.first, end, [self._bins, bins])

    def is_outdated(self, *, exactly: bool = False) -> bool:
        """Whether all must be found anew, for the threshold moved; `exactly`: by however few bins
        there are more. Never while all bins are still here: then it just moves."""
        grown = self._bins.end - self._first - self._measured_bins
        if grown * MEASURED_AGAIN < self._measured_bins and not exactly:
            return False
        self._baselines, before = self._measured(), self._thresholds
        if self._bins.first == self._first:
            self._thresholds = self._over_baselines()
            return False
        return self._over_baselines() != before

    @property
    def is_lowest(self) -> bool:
        """Whether no more bins without events can lower the threshold."""
        return set(self._thresholds) == {self._rule.min_rate}

    def look(self, instants_in: InstantsIn) -> Bursts:
        """All bursts so far. Of instants, those are asked for that were added, and no others may be
        given."""
        boot_end_t = self._boot_end(self._bins)
        found = bursts_over(self._thresholds, self._bins, instants_in, self._rule, boot_end_t)
        bursts = (*self._settled, *found)
        self._settle(found)
        return Bursts(bursts, self._baselines[0], self._thresholds.narrow, boot_end_t)

    def _measured(self) -> list[float]:
        """The baseline of each width."""
        self._measured_bins = self._bins.end - self._first
        whole = Bins(self._first, self._bins.end, self._bins.at, self._bins.counts)
        return [
            past.with_others(bins.tally).baseline(bins.end - bins.first, width)
            for past, width in zip(self._past, WIDTHS, strict=True)
            for bins in (whole.wider(width),)
        ]

    def _over_baselines(self) -> Thresholds:
        return Thresholds(*(threshold_over(one, self._rule) for one in self._baselines))

    def _boot_end(self, bins: Bins) -> int | None:
        if self._created_t is None or self._busy_until is None:
            return None
        return boot_end(
            bins, self._thresholds.narrow, self._rule, self._created_t, self._busy_until
        )

    def _settle(self, found: list[Burst]) -> None:
        """Forget the bins before the last stretch that was calm, but for its last wide one: a burst
        may begin with an event in the bin before its first hot one."""
        cut = self._last_calm()
        if cut is None or (cut - 1) << _BY <= self._bins.first:
            return
        first = (cut - 1) << _BY
        past = self._bins.between(self._bins.first, first)
        self._settled += [burst for burst in found if burst.from_t < first << BIN_SHIFT]
        self._busy_until = self._boot_end(past)
        self._past = [
            before.with_others(past.wider(width).tally)
            for before, width in zip(self._past, WIDTHS, strict=True)
        ]
        self._bins = self._bins.between(first, self._bins.end)

    def _last_calm(self) -> int | None:
        """The end of the last stretch of wide bins that are calm and known in full: None if there
        is none. Events may still come into the bin of the last one."""
        if not len(self._bins.at):
            return None
        reached = int(self._bins.at[-1]) >> _BY
        loud = self._loud()
        before = np.concatenate(([(self._bins.first >> _BY) - 1], loud))
        ends = np.concatenate((loud, [reached]))
        calm = ends[ends - before > self._calm_bins]
        return int(calm[-1]) if len(calm) else None

    @property
    def _calm_bins(self) -> int:
        """So many wide bins keep bursts apart: wide bursts have an end in the first one at most and
        a beginning in the last, and no boot goes on after them."""
        rule = self._rule
        return max(2 + (rule.join_gap_ns >> COARSE_SHIFT), -(-rule.calm_ns >> COARSE_SHIFT))

    def _loud(self) -> Numbers:
        """Wide bins that are hot or hold one that is."""
        narrow = hot(self._bins, self._thresholds.narrow) >> _BY
        return np.union1d(narrow, hot(self._bins.wider(COARSE_SHIFT), self._thresholds.wide))
