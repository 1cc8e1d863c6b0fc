"""Exact sums by key, in one pass and without sorting."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part, mixed, slot_of

Ints = npt.NDArray[np.int64]

_FIRST_CAPACITY = 1 << 10


def sums_by_key(keys: Ints, weights: Ints) -> tuple[Ints, Ints]:
    """(distinct keys [k], sums of `weights` [n, m] by key [k, m]), in order of first appearance."""
    capacity = _FIRST_CAPACITY
    while True:
        slots = np.full(4 * capacity, -1, np.int64)
        found = np.empty(capacity, np.int64)
        sums = np.zeros((capacity, weights.shape[1]), np.int64)
        count = add_up(keys, weights, slots, found, sums)
        if count >= 0:
            return found[:count], sums[:count]
        capacity *= 8


@hot_in_place
def add_up(keys: Ints, weights: Ints, slots: Ints, found: Ints, sums: Ints) -> int:
    """Fill `found` and `sums`; `slots` is a hash table of places in them.

    Returns how many keys there are, -1 if there is no room for them.
    """
    count = 0
    for i in range(len(keys)):
        key = keys[i]
        at = slot_of(is_place, (slots, found), len(slots), mixed(key), key)
        place = slots[at]
        if place < 0:
            if count == len(found):
                return -1
            place = count
            slots[at] = place
            found[place] = key
            count += 1
        for j in range(weights.shape[1]):
            sums[place, j] += weights[i, j]
    return count


@hot_part
def is_place(table: tuple[Ints, Ints], slot: int, key: int) -> bool:
    slots, found = table
    return bool(slots[slot] < 0 or found[slots[slot]] == key)
