"""Bursts found while they happen are those that are found afterwards, however events come."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st

from app.model.stats import BIN_SHIFT, CONVERSIONS, Bins, Bursts, LiveBursts, find_bursts

SECOND = 1_000_000_000
RULE = replace(CONVERSIONS, min_calls=60, boot_min_calls=150, min_rate=20.0, certain_rate=400.0)
"""As the usual one, for a tenth of the events."""
Instants = npt.NDArray[np.int64]


def bins_of(instants: Instants, first: int, reached: int) -> Bins:
    at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)
    return Bins(first, (reached >> BIN_SHIFT) + 1, at, counts)


def afterwards(instants: Instants, reached: int, created_t: int | None) -> Bursts:
    return find_bursts(bins_of(instants, 0, reached), window(instants), RULE, created_t)


def window(instants: Instants) -> Callable[[int, int], Instants]:
    def instants_in(from_t: int, to_t: int) -> Instants:
        first, end = np.searchsorted(instants, (from_t, to_t))
        return instants[first:end]

    return instants_in


class Watched:
    """A recording as whoever watches it sees it grow."""

    def __init__(self, created_t: int | None) -> None:
        self._created_t = created_t
        self._known: Instants = np.zeros(0, np.int64)
        self._live = LiveBursts(bins_of(self._known, 0, 0), RULE, created_t)
        self.begun_anew = 0

    def grow(self, fresh: Instants, reached: int) -> None:
        self._known = np.concatenate((self._known, fresh))
        self._live.add(bins_of(fresh, 0, reached))

    def look(self, reached: int, *, exactly: bool = False) -> Bursts:
        if self._live.is_outdated(exactly=exactly):
            self._live = LiveBursts(bins_of(self._known, 0, reached), RULE, self._created_t)
            self.begun_anew += 1
        return self._live.look(window(self._known))

    @property
    def kept_bins(self) -> int:
        return len(self._live._bins.at)


BIN = 1 << BIN_SHIFT
runs = st.tuples(
    st.sampled_from([0, 0, 1, 2, 3, 4, 8, 30, 100]),  # events in a bin ...
    st.sampled_from([1, 2, 3, 5, 7, 8, 9, 12, 16, 24, 40, 200]),  # ... in so many bins
    st.sampled_from([1, 1, 1, 7, 8]),  # of which one of so many holds them
)
stretches = st.lists(runs, min_size=1, max_size=14)


def history(parts: list[tuple[int, int, int]], seed: int) -> tuple[Instants, int]:
    """(instants, how far time came)."""
    random = np.random.default_rng(seed)
    counts = np.concatenate(
        [np.where(np.arange(bins) % every, 0, count) for count, bins, every in parts]
    )
    at = np.repeat(np.arange(len(counts)) * BIN, counts)
    return np.sort(at + random.integers(0, BIN, len(at))), len(counts) * BIN - 1


def batches(instants: Instants, reached: int, seed: int) -> Iterator[tuple[Instants, int]]:
    """Cut anywhere, between events of one instant too; some come late: time was further already."""
    random = np.random.default_rng(seed)
    cuts = np.sort(random.integers(0, len(instants) + 1, random.integers(0, 30)))
    now = 0
    for part in np.split(instants, cuts):
        upto = int(part[-1]) if len(part) else now
        now = min(max(now, upto + int(random.choice([0, 1, SECOND // 3, 5 * SECOND]))), reached)
        yield part, now
    yield instants[:0], reached


@settings(deadline=None, max_examples=200)
@given(stretches, st.integers(0, 1000), st.sampled_from([None, 0, 1_500_000_000]))
def test_what_is_found_live_is_what_is_found_afterwards(
    parts: list[tuple[int, int, int]], seed: int, created_t: int | None
) -> None:
    instants, end = history(parts, seed)
    watched = Watched(created_t)
    for fresh, reached in batches(instants, end, seed):
        watched.grow(fresh, reached)
        watched.look(reached)
    assert watched.look(end, exactly=True) == afterwards(instants, end, created_t)


@settings(deadline=None)
@given(stretches, st.integers(0, 1000))
def test_every_look_finds_what_is_there_by_then(
    parts: list[tuple[int, int, int]], seed: int
) -> None:
    instants, end = history(parts, seed)
    watched, known = Watched(0), instants[:0]
    for fresh, reached in batches(instants, end, seed):
        known = np.concatenate((known, fresh))
        watched.grow(fresh, reached)
        assert watched.look(reached, exactly=True) == afterwards(known, reached, 0)


@pytest.mark.parametrize("minutes", [2, 20])
def test_what_is_kept_does_not_grow_with_the_recording(minutes: int) -> None:
    watched, storm = Watched(None), np.arange(0, 2 * SECOND, SECOND // 100)
    calm = np.arange(0, 28 * SECOND, SECOND // 4)
    for at in range(2 * minutes):
        start = at * 30 * SECOND
        watched.grow(np.concatenate((storm, 2 * SECOND + calm)) + start, start + 30 * SECOND)
        bursts = watched.look(start + 30 * SECOND).bursts
    assert len(bursts) == 2 * minutes
    assert watched.kept_bins < 30
    assert watched.begun_anew == 0
