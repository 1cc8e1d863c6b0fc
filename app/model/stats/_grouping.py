"""Exact sums by key, in one pass and without sorting."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place

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
    """Fill `found` and `sums`; `slots` is a hash table of places in them, a power of two long.

    Returns how many keys there are, -1 if there is no room for them.
    """
    count = 0
    mask = len(slots) - 1
    for i in range(len(keys)):
        key = keys[i]
        at = ((key ^ (key >> 17)) * 0x2545F4914F6CDD1D >> 20) & mask
        while slots[at] >= 0 and found[slots[at]] != key:
            at = (at + 1) & mask
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
