"""Words of bits, against Python's own whole numbers."""

import numpy as np
from hypothesis import example, given, settings, strategies as st

from app.compiled import hot_in_place, lowest_bit, ones, set_bits

WORDS = st.integers(0, (1 << 64) - 1)


@hot_in_place
def measure(words: np.ndarray, found: np.ndarray) -> None:
    for i in range(words.size):
        found[i, 0], found[i, 1] = lowest_bit(words[i]), set_bits(words[i])


@hot_in_place
def fill(first: int, count: int, words: np.ndarray) -> None:
    words[0] = ones(first, count)


@settings(deadline=None)
@given(st.lists(WORDS.filter(bool), min_size=1))
@example([1, 1 << 63, (1 << 64) - 1])
def test_lowest_bit_and_number_of_bits(words: list[int]) -> None:
    found = np.zeros((len(words), 2), np.int64)
    measure(np.array(words, np.uint64), found)
    expected = [[(word & -word).bit_length() - 1, word.bit_count()] for word in words]
    assert found.tolist() == expected


def test_ones_are_side_by_side() -> None:
    word = np.zeros(1, np.uint64)
    for first in range(64):
        for count in range(1, 65 - first):
            fill(first, count, word)
            assert int(word[0]) == ((1 << count) - 1) << first
