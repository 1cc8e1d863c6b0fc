"""Breakdowns against counting call by call."""

from collections import Counter

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, EventArray, is_vague
from app.model.guest import Certainty, EventKind, Outcome
from app.model.stats import Breakdowns, Dimension, SizeClass, SlotRange, differences, size_name
from app.model.stats._grouping import sums_by_key


def calls(count: int, **columns: object) -> EventArray:
    rows = np.zeros(count, EVENT)
    rows["kind"], rows["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    rows["npages"] = 1
    for name, values in columns.items():
        rows[name] = values
    return rows


def add(breakdowns: Breakdowns, rows: EventArray) -> None:
    breakdowns.add(rows, is_vague(rows))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(1 << 62), 1 << 62), st.integers(0, 1 << 40)), max_size=60))
def test_sums_by_key_are_exact(pairs: list[tuple[int, int]]) -> None:
    expected: Counter[int] = Counter()
    for key, weight in pairs:
        expected[key] += weight
    keys = np.array([key for key, _ in pairs], np.int64)
    weights = np.array([[weight] for _, weight in pairs], np.int64).reshape(-1, 1)
    found, sums = sums_by_key(keys, weights)
    assert dict(zip(found.tolist(), sums[:, 0].tolist(), strict=True)) == dict(expected)


def test_more_keys_than_there_is_room_for_at_first() -> None:
    keys = np.arange(100_000, dtype=np.int64) << 20
    found, sums = sums_by_key(keys, np.ones((len(keys), 1), np.int64))
    assert found.tolist() == keys.tolist()
    assert (sums == 1).all()


def test_chunks_add_up() -> None:
    rows = calls(6, tid=[1, 2, 1, 1, 2, 3], latency_ns=[5, -1, 7, 1, 1, 1], effective_pages=2)
    rows["outcome"] = [Outcome.APPLIED, Outcome.UNCONFIRMED, Outcome.FAILED, 0, 0, 0]
    whole, parts = Breakdowns(), Breakdowns()
    add(whole, rows)
    add(parts, rows[:2])
    add(parts, rows[2:])
    assert whole == parts
    first = whole.by[Dimension.THREAD][1]
    assert (first.calls, first.applied, first.failed) == (3, 2, 1)
    assert (first.effective_pages, first.latency_ns, first.timed) == (6, 13, 3)
    second = whole.by[Dimension.THREAD][2]
    assert (second.calls, second.timed, second.uncertain) == (2, 1, 1)
    assert whole.total.calls == 6


def test_sizes_are_told_apart() -> None:
    rows = calls(6, gfn=[5, 512, 513, 0, 0, 0], npages=[1, 512, 512, 7, 4096, 0])
    rows["range_certainty"][5] = Certainty.UNKNOWN
    breakdowns = Breakdowns()
    add(breakdowns, rows)
    assert {size_name(key) for key in breakdowns.by[Dimension.SIZE]} == set(SizeClass)


def test_calls_fall_to_the_first_memslot_they_meet() -> None:
    slots = (SlotRange(10, 20), SlotRange(20, 30), SlotRange(50, 60))
    breakdowns = Breakdowns(slots)
    add(breakdowns, calls(6, gfn=[0, 9, 19, 29, 49, 60], npages=[10, 2, 2, 1, 1, 5]))
    by_slot = {key: sums.calls for key, sums in breakdowns.by[Dimension.MEMSLOT].items()}
    assert by_slot == {-1: 3, 0: 2, 1: 1}


def test_what_moved_furthest_comes_first() -> None:
    before, during = Breakdowns(), Breakdowns()
    add(before, calls(10, vcpu=[0, 1] * 5))
    add(during, calls(100, vcpu=[3] * 90 + [0, 1] * 5))
    first = differences(during, before)[0]
    assert (first.dimension, first.value) == (Dimension.VCPU, 3)
    assert (first.calls_during, first.calls_before) == (90, 0)
    assert (first.share_during, first.share_before) == (0.9, 0.0)
