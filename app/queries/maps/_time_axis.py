"""Intervals of time to look at, and how they are divided."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from app.store.read import Reader


def interval_of(
    reader: "Reader", vm_id: int, from_t: int | None, to_t: int | None
) -> tuple[int, int]:
    """The half-open interval that is meant; what is not given is the VM's whole life.

    Never empty: an interval that lies outside its life is taken as it is.
    """
    first, last = reader.span(vm_id)
    start = from_t if from_t is not None else min(first, to_t - 1 if to_t is not None else first)
    end = to_t if to_t is not None else max(last + 1, start + 1)
    return start, end


def edges_of(from_t: int, to_t: int, columns: int) -> npt.NDArray[np.int64]:
    """At most so many columns' edges, ascending, in whole ns, both ends included."""
    columns = min(columns, to_t - from_t)
    steps = np.arange(columns + 1, dtype=object)  # exact: to_t * columns may pass 2^63
    return ((to_t - from_t) * steps // columns + from_t).astype(np.int64)
