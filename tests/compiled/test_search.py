"""Places in what is sorted, against Python's own bisection."""

from bisect import bisect_right

import numpy as np
from hypothesis import given, settings, strategies as st

from app.compiled import first_where, hot_in_place, hot_part, interval_at

NUMBERS = st.integers(-50, 50)


@hot_part
def is_above(numbers: np.ndarray, place: int, key: int) -> bool:
    return bool(numbers[place] > key)


@hot_in_place
def first_above(numbers: np.ndarray, key: int) -> int:
    return first_where(is_above, numbers, numbers.size, key)


@hot_in_place
def interval(edges: np.ndarray, value: int, near: int) -> int:
    return interval_at(edges, value, near)


@settings(deadline=None)
@given(st.lists(NUMBERS), NUMBERS)
def test_first_place_from_which_something_holds(numbers: list[int], key: int) -> None:
    numbers.sort()
    assert first_above(np.array(numbers, np.int64), key) == bisect_right(numbers, key)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=2, unique=True), NUMBERS, st.data())
def test_interval_is_the_same_from_wherever_it_is_searched(
    numbers: list[int], value: int, data: st.DataObject
) -> None:
    edges = sorted(numbers)
    near = data.draw(st.integers(0, len(edges) - 2))
    expected = bisect_right(edges, value) - 1
    assert interval(np.array(edges, np.int64), value, near) == expected
