"""Page cache events: many pages that one thread allocated or freed in a row become one call."""

import numpy as np
import numpy.typing as npt

from app.compiled import whole
from collector.codes import CallCode
from collector.records import CallArray

LONGEST_RUN_SHIFT = 23
"""Runs end at multiples of 2^23 ns, some 8 ms: they are shown when they began."""


def with_runs(calls: CallArray) -> CallArray:
    """Merge page cache events of consecutive pages of a file, by the same thread. In what follows
    v[3] is how many pages, not their order."""
    is_page = (calls["code"] == CallCode.PAGE_CACHE_ADD) | (
        calls["code"] == CallCode.PAGE_CACHE_DELETE
    )
    if not is_page.any():
        return calls
    which = np.flatnonzero(is_page)
    by_thread = which[np.argsort(calls["tid"][which], kind="stable")]
    pages = np.take(calls, by_thread)
    count = np.uint64(1) << pages["v"][:, 3]
    first = np.flatnonzero(~_goes_on(pages, count))
    pages["v"][:, 3] = count
    runs = np.take(pages, first)
    runs["v"][:, 3] = np.add.reduceat(count, first)
    merged = whole(calls).copy().view(calls.dtype)
    whole(merged)[by_thread[first]] = whole(runs)
    is_kept = ~is_page
    is_kept[by_thread[first]] = True
    kept: CallArray = np.compress(is_kept, merged)
    return kept


def _goes_on(pages: CallArray, count: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each event follows the one before it: of a thread, of a file, of its pages."""
    now, before = pages[1:], pages[:-1]
    epoch = np.uint64(LONGEST_RUN_SHIFT)
    goes_on = (now["tid"] == before["tid"]) & (now["code"] == before["code"])
    goes_on &= (now["v"][:, 0] == before["v"][:, 0]) & (now["v"][:, 2] == before["v"][:, 2])
    goes_on &= now["v"][:, 1] == before["v"][:, 1] + count[:-1]
    goes_on &= now["ts_exit"] >> epoch == before["ts_exit"] >> epoch
    return np.concatenate((np.zeros(1, dtype=bool), goes_on))
