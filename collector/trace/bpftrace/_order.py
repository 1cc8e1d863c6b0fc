"""Calls that come in bursts, one CPU after the other, put in order; and the gaps between them."""

import numpy as np

from collector.codes import CallCode
from collector.records import CALL, CallArray

UNKNOWN_CPU = 0xFFFF
UNKNOWN_COUNT = 0


def split_sorted(calls: CallArray, count: int) -> tuple[CallArray, CallArray]:
    ordered = in_order(calls)
    return ordered[:count], ordered[count:]


def in_order(calls: CallArray) -> CallArray:
    """Sorted by return. A gap begins after what returned at the same instant, ends before it."""
    code, ends = calls["code"], calls["ts_exit"]
    is_begin, is_end = code == CallCode.LOSS_BEGIN, code == CallCode.LOSS_END
    if not is_end.any():
        return calls if (ends[1:] >= ends[:-1]).all() else calls[np.argsort(ends, kind="stable")]
    is_empty = is_end & (calls["v"][:, 1] == calls["ts_exit"])
    rank = np.where(is_begin | is_empty, 2, np.where(is_end, 0, 1))
    ordered: CallArray = calls[np.lexsort((rank, ends))]
    return ordered


def without_late(calls: CallArray, emitted_to: np.uint64) -> tuple[CallArray, np.uint64]:
    """Turn calls older than what was already given into losses: their order is not known."""
    late = calls["ts_exit"] < emitted_to
    if late.any():
        first = int(np.flatnonzero(~late)[0]) if not late.all() else len(calls)
        at = int(emitted_to)
        gap = loss(at, at, first)
        gap["v"][1, 1] = calls["ts_exit"][0]  # that is where it began
        calls = np.concatenate((gap, calls[first:]))
    last = calls["ts_exit"][-1] if len(calls) else emitted_to
    return calls, max(emitted_to, last)


def loss(from_ns: int, to_ns: int, count: int) -> CallArray:
    """The two rows of a gap."""
    rows = np.zeros(2, dtype=CALL)
    rows["code"] = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)
    rows["ts_enter"] = rows["ts_exit"] = (from_ns, to_ns)
    rows["v"][:, 0] = count
    rows["v"][:, 1] = (to_ns, from_ns)
    rows["cpu"] = UNKNOWN_CPU
    rows["fd"] = -1
    return rows
