"""Finding places in what is sorted, in compiled code."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from app.compiled._loops import hot_part


@hot_part
def first_where(
    holds: Callable[[Any, int, Any], bool],
    table: Any,  # noqa: ANN401
    size: int,
    key: Any,  # noqa: ANN401
) -> int:
    """The first of `size` places for which `holds(table, place, key)`, a hot part, is true; `size`
    if it is for none. It is true for every place after that, too."""
    low, high = 0, size
    while low < high:
        middle = (low + high) >> 1
        if holds(table, middle, key):
            high = middle
        else:
            low = middle + 1
    return low


@hot_part
def interval_at(edges: npt.NDArray[np.int64], value: int, near: int) -> int:
    """Which of the intervals between ascending edges holds a value, searched step by step from one
    near it; -1 before the first, `edges.size - 1` after the last."""
    interval = near
    while interval >= 0 and value < edges[interval]:
        interval -= 1
    while interval < edges.size - 1 and value >= edges[interval + 1]:
        interval += 1
    return interval
