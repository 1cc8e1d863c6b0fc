"""Bursts in made-up instants, whose truth is known."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from app.model.stats import BIN_SHIFT, CONVERSIONS, Bins, Bursts, find_bursts
from app.model.stats._bursts import BASELINE_QUANTILE

SECOND = 1_000_000_000
Instants = npt.NDArray[np.int64]


def every(period_ns: float, from_s: float, to_s: float) -> Instants:
    return np.arange(from_s * SECOND, to_s * SECOND, period_ns).astype(np.int64)


def found_in(
    *parts: Instants, end_s: float, created_t: int | None = None, **rule: object
) -> Bursts:
    instants = np.sort(np.concatenate(parts))
    counts = np.bincount(instants >> BIN_SHIFT, minlength=(int(end_s * SECOND) >> BIN_SHIFT) + 1)

    def instants_in(from_t: int, to_t: int) -> Instants:
        return instants[(instants >= from_t) & (instants < to_t)]

    changed = replace(CONVERSIONS, **rule)  # type: ignore[arg-type]
    return find_bursts(Bins.of_dense(0, counts), instants_in, changed, created_t)


CALM = every(SECOND / 6, 0, 60)


def test_a_calm_recording_has_none() -> None:
    assert found_in(CALM, end_s=60).bursts == ()


def test_a_burst_begins_and_ends_with_its_own_events() -> None:
    burst = every(500_000, 20.01, 28.31)
    (found,) = found_in(CALM, burst, end_s=60).bursts
    assert (found.from_t, found.to_t) == (burst[0], burst[-1])


def test_neighbours_in_time_are_one_burst_and_others_are_not() -> None:
    parts = [every(500_000, start, start + 5) for start in (10, 15.3, 30)]
    bursts = found_in(*parts, end_s=60).bursts
    assert [(b.from_t, b.to_t) for b in bursts] == [
        (parts[0][0], parts[1][-1]),
        (parts[2][0], parts[2][-1]),
    ]


def test_many_calls_spread_out_are_none() -> None:
    assert found_in(every(10_000_000, 0, 600), end_s=600).bursts == ()


def test_few_calls_at_once_are_none() -> None:
    assert found_in(CALM, every(1_000, 20, 20.0009), end_s=60).bursts == ()


def test_two_thousand_in_a_second_are_one() -> None:
    burst = every(500_000, 20.3, 21.3)
    (found,) = found_in(CALM, burst, end_s=60).bursts
    assert (found.from_t, found.to_t) == (burst[0], burst[-1])


def test_pulses_are_one_as_a_whole() -> None:
    pulses = [every(200_000, at, at + 0.06) for at in range(20, 40)]
    (found,) = found_in(CALM, *pulses, end_s=60).bursts
    assert (found.from_t, found.to_t) == (pulses[0][0], pulses[-1][-1])


def test_pulses_that_always_come_are_none() -> None:
    pulses = [every(200_000, at, at + 0.06) for at in range(60)]
    assert found_in(*pulses, end_s=60).bursts == ()


def test_two_bursts_in_wide_bins_side_by_side_stay_two() -> None:
    parts = [every(500_000, start, start + 1) for start in (20.2, 22.1)]
    bursts = found_in(CALM, *parts, end_s=60).bursts
    assert [(b.from_t, b.to_t) for b in bursts] == [(p[0], p[-1]) for p in parts]


@pytest.mark.parametrize("rate", [20, 100, 1_000, 3_000])
def test_a_guest_that_is_always_busy_has_none(shuffled: Callable[..., Instants], rate: int) -> None:
    assert found_in(shuffled(SECOND / rate, 0, 60), end_s=60).bursts == ()


@pytest.mark.parametrize(("from_s", "to_s"), [(0, 4.05), (56, 59.95), (0, 50.05)])
def test_a_burst_may_touch_the_ends_of_its_recording(from_s: float, to_s: float) -> None:
    burst = every(500_000, from_s, to_s)
    (found,) = found_in(CALM, burst, end_s=60).bursts
    assert (found.from_t, found.to_t) == (burst[0], burst[-1])


def test_the_threshold_follows_the_baseline() -> None:
    steady, burst = every(4_000_000, 0, 60), every(1_500_000, 20, 30)
    assert found_in(steady, burst, end_s=60).bursts == ()
    assert len(found_in(steady, burst, end_s=60, over_baseline=3.0).bursts) == 1


def test_a_recording_of_nothing_but_a_storm_is_one() -> None:
    storm = every(100_000, 0, 10)
    (found,) = found_in(storm, end_s=10).bursts
    assert (found.from_t, found.to_t) == (storm[0], storm[-1])


@pytest.mark.parametrize(("created_t", "is_found"), [(0, False), (None, True)])
def test_what_every_guest_does_while_it_boots_is_none(created_t: int, is_found: bool) -> None:
    boot = every(500_000, 1, 6)
    found = found_in(CALM, boot, end_s=60, created_t=created_t)
    assert bool(found.bursts) is is_found
    if created_t is not None:
        assert found.boot_end_t is not None
        assert 0 <= found.boot_end_t - boot[-1] <= 1 << BIN_SHIFT


def test_a_boot_may_be_a_storm() -> None:
    (found,) = found_in(every(500_000, 1, 16), end_s=60, created_t=0).bursts
    assert found.in_boot


def test_no_events_no_bursts() -> None:
    empty = np.zeros(0, np.int64)
    assert found_in(empty, end_s=1).bursts == ()


@pytest.fixture(params=[1, 2, 3])
def shuffled(request: pytest.FixtureRequest) -> Callable[[Instants], Instants]:
    generator = np.random.default_rng(request.param)

    def arrive(mean_ns: float, from_s: float, to_s: float) -> Instants:
        gaps = generator.exponential(mean_ns, int(2 * (to_s - from_s) * SECOND / mean_ns) + 10)
        instants = from_s * SECOND + np.cumsum(gaps)
        return instants[instants < to_s * SECOND].astype(np.int64)

    return arrive  # type: ignore[return-value]


def test_random_arrivals_do_not_blur_the_ends(shuffled: Callable[..., Instants]) -> None:
    calm, burst = shuffled(SECOND / 5, 0, 60), shuffled(400_000, 21.7, 29.2)
    (found,) = found_in(calm, burst, end_s=60).bursts
    assert abs(found.from_t - burst[0]) < 5_000_000
    assert abs(found.to_t - burst[-1]) < 5_000_000


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 50)), max_size=80),
    st.integers(1, 500),
)
def test_the_baseline_is_the_lower_decile_of_all_bins(
    held: list[tuple[int, int]], length: int
) -> None:
    counts = np.zeros(length, np.int64)
    for number, count in held:
        counts[number % length] += count
    bins = Bins.of_dense(7, counts)
    wanted = float(np.quantile(counts * (1e9 / (1 << BIN_SHIFT)), BASELINE_QUANTILE))
    assert bins.baseline == pytest.approx(wanted, rel=1e-12)


@given(st.lists(st.integers(0, 1 << 20), max_size=200), st.integers(0, 300))
def test_wider_bins_hold_the_same(instants: list[int], offset: int) -> None:
    numbers = np.array([offset + t // 4096 for t in instants], np.int64)
    counts = np.bincount(numbers - offset, minlength=257)
    wide = replace(Bins.of_dense(offset, counts), shift=12).wider(15)
    assert (wide.first, wide.end) == (offset >> 3, (offset + 256 >> 3) + 1)
    expected = np.bincount(numbers >> 3, minlength=wide.end)
    assert dict(zip(wide.at.tolist(), wide.counts.tolist(), strict=True)) == {
        number: count for number, count in enumerate(expected.tolist()) if count
    }
    assert wide.total == len(instants)


def test_parts_may_share_bins() -> None:
    parts = [Bins.of_dense(first, np.array(counts)) for first, counts in ((3, [1, 0, 2]), (5, [4]))]
    whole = Bins.of_all(0, 100, parts)
    assert (whole.at.tolist(), whole.counts.tolist()) == ([3, 5], [1, 6])


def test_weeks_of_calm_cost_nothing() -> None:
    month = 30 * 86_400
    bursts = [every(500_000, start, start + 2) for start in (1, month)]
    instants = np.concatenate(bursts)
    at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)
    bins = Bins(0, int(at[-1]) + 1, at, counts)

    def instants_in(from_t: int, to_t: int) -> Instants:
        return instants[(instants >= from_t) & (instants < to_t)]

    tracemalloc.start()
    found = find_bursts(bins, instants_in, CONVERSIONS, created_t=None)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(b.from_t, b.to_t) for b in found.bursts] == [(b[0], b[-1]) for b in bursts]
    assert found.baseline_rate == 0.0
    assert peak_bytes < 1 << 20


def test_what_cannot_be_a_burst_is_not_looked_at() -> None:
    pulses = [every(1_000_000, at, at + 0.04) for at in range(0, 4000, 40)]
    instants = np.concatenate(pulses)
    at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)

    def instants_in(from_t: int, to_t: int) -> Instants:
        raise AssertionError("forty calls are none")

    assert find_bursts(Bins(0, 40_000, at, counts), instants_in, CONVERSIONS, None).bursts == ()
