"""Keys are found again, whatever their order and however full the table is."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.compiled import hot_in_place, hot_part, mixed, slot_of

SIZE = 64
NUMBERS = st.integers(-(1 << 63) + 1, (1 << 63) - 1).filter(bool)


@hot_part
def is_place(table: np.ndarray, slot: int, key: int) -> bool:
    return table[slot] == 0 or table[slot] == key


@hot_in_place
def put(table: np.ndarray, keys: np.ndarray, slots: np.ndarray) -> None:
    for i in range(keys.size):
        slots[i] = slot_of(is_place, table, table.size, mixed(keys[i]), keys[i])
        if slots[i] >= 0:
            table[slots[i]] = keys[i]


def put_all(table: np.ndarray, keys: list[int]) -> list[int]:
    slots = np.zeros(len(keys), np.int64)
    put(table, np.array(keys, np.int64), slots)
    return slots.tolist()


@settings(deadline=None)
@given(st.lists(NUMBERS, unique=True, max_size=SIZE))
def test_each_key_has_a_slot_of_its_own_and_keeps_it(keys: list[int]) -> None:
    table = np.zeros(SIZE, np.int64)
    slots = put_all(table, keys)
    assert len(set(slots)) == len(keys)
    assert min(slots, default=0) >= 0
    assert put_all(table, keys[::-1]) == slots[::-1]


def test_a_full_table_has_no_slot_for_another_key() -> None:
    table = np.zeros(SIZE, np.int64)
    put_all(table, list(range(1, SIZE + 1)))
    assert put_all(table, [SIZE + 1]) == [-1]


@pytest.mark.parametrize("step", [1, 512, 1 << 20, 1 << 31], ids=hex)
def test_keys_in_even_steps_are_spread(step: int) -> None:
    places = {mixed(i * step) & (SIZE - 1) for i in range(1000)}
    assert len(places) == SIZE
