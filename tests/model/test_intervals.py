"""Intervals as sets of numbers."""

from itertools import pairwise

from hypothesis import given, strategies as st

from app.model.intervals import Interval, united

INTERVALS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda one: (one[0], sum(one)))
)


def numbers(intervals: list[Interval]) -> set[int]:
    return {number for first, end in intervals for number in range(first, end)}


@given(INTERVALS)
def test_the_union_holds_the_same_numbers(intervals: list[Interval]) -> None:
    assert numbers(united(intervals)) == numbers(intervals)


@given(INTERVALS)
def test_intervals_of_a_union_ascend_and_do_not_touch(intervals: list[Interval]) -> None:
    found = united(intervals)
    assert all(end < first for (_, end), (first, _) in pairwise(found))
