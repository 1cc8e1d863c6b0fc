"""The one hash table of compiled code: open addressing in whatever arrays its user has."""

from collections.abc import Callable
from typing import Any

import numpy as np

from app.compiled._loops import hot_part, signed


@hot_part
def mixed(first: int, second: int = 0) -> int:
    """A number of 32 bits, in all of which any bit of two numbers counts."""
    word = np.uint64(first) * np.uint64(0x9E37_79B9_7F4A_7C15) + np.uint64(second)
    return signed(word * np.uint64(0xD6E8_FEB8_6659_FD93) >> np.uint64(32))


@hot_part
def slot_of(
    is_place: Callable[[Any, int, Any], bool],
    table: Any,  # noqa: ANN401
    size: int,
    hashed: int,
    key: Any,  # noqa: ANN401
) -> int:
    """The slot in which `key` is or, if it is new, belongs; -1 if every slot holds another one.

    `is_place(table, slot, key)`, a hot part, is true if the slot is free or the key's. `table` is
    an array or some; `size` is a power of two; `hashed` comes from `mixed`.
    """
    slot = hashed & (size - 1)
    for _ in range(size):
        if is_place(table, slot, key):
            return slot
        slot = (slot + 1) & (size - 1)
    return -1
