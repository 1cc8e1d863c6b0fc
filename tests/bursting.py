"""Bursts of conversions, as a guest that storms makes them."""

import numpy as np

from app.model.events import EVENT, EventArray
from app.model.guest import UNKNOWN_VCPU, Cause, EventKind

SECOND = 1_000_000_000


def burst(from_s: float, to_s: float) -> EventArray:
    """2,000 applied conversions a second, of 1 µs each, every other one to private."""
    returns = np.arange(from_s * SECOND, to_s * SECOND, SECOND / 2_000).astype(np.int64)
    events = np.zeros(len(returns), EVENT)
    events["t"], events["latency_ns"] = returns - 1_000, 1_000
    events["kind"], events["npages"] = EventKind.CONVERSION, 1
    events["gfn"], events["vcpu"] = np.arange(len(returns)) % 64, UNKNOWN_VCPU
    events["to"], events["cause"] = np.arange(len(returns)) % 2, Cause.EXPLICIT
    return events
