"""Calls that wait for their exit. Compiled; see pairing_state for names."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place
from collector.pairing import _state as s
from collector.pairing._calls import abandon

Words = npt.NDArray[np.int64]


@hot_in_place
def oldest_open(table: Words) -> int:
    """Since when the oldest call of ours has been waiting for its exit; 2^62 if none is."""
    oldest = 1 << 62
    for at in range(len(table)):
        code = table[at, s.CODE]
        if table[at, s.TID] != 0 and code != 0 and code != s.OTHER:
            returned = table[at, s.MET] & s.MET_RETURN
            oldest = min(oldest, table[at, s.TS_RET] if returned else table[at, s.TS_ENTER])
    return oldest


@hot_in_place
def sweep(table: Words, shared: Words, out: Words, before: int) -> int:
    """Write down open calls whose return is known from below, and those entered `before`.

    The latter stay unconfirmed even if their exit comes after all. `out` has room for all rows.
    """
    n = 0
    for at in range(len(table)):
        code = table[at, s.CODE]
        if table[at, s.TID] == 0 or code == 0 or code == s.OTHER:
            continue
        if table[at, s.MET] & s.MET_RETURN:
            n = abandon(table, at, shared, out, n)
        elif table[at, s.TS_ENTER] < before:
            n = abandon(table, at, shared, out, n)
            table[at, s.CODE], table[at, s.MET] = s.OTHER, s.MET_SYS_ENTER
    return n
