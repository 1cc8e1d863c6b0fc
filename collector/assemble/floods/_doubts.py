"""Events for VMs that calls may be of, or may not be: what those may have changed is unknown."""

from collections.abc import Iterator

import numpy as np

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import UNKNOWN_LATENCY, UNKNOWN_VCPU, Cause, Certainty, EventKind, Outcome, To
from collector.assemble.floods._hva_ranges import Mask
from collector.assemble.memslots import Extra, keys_after, keys_before

_OPPOSITE = np.array([To.PRIVATE, To.SHARED, To.UNKNOWN], dtype=np.uint8)


def doubted(conversions: EventArray) -> EventArray:
    """DOUBT in place of conversions that happened, or may have."""
    rows = conversions.copy()
    rows["t"], rows["latency_ns"] = effect_time(conversions), UNKNOWN_LATENCY
    rows["kind"], rows["outcome"], rows["aux"] = EventKind.DOUBT, Outcome.UNCONFIRMED, 0
    rows["cause"], rows["cause_certainty"] = Cause.NONE, Certainty.UNKNOWN
    return rows


def lodgers_doubted(rows: EventArray, conversions: Mask) -> Iterator[Extra]:
    """To stand around conversions that are taken for a VM's, so that their pages are unknown
    afterwards, and none of them counts as really changed."""
    which = np.flatnonzero(conversions)
    if not len(which):
        return
    so, otherwise = doubted(rows[which]), doubted(rows[which])
    otherwise["to"] = _OPPOSITE[so["to"]]
    yield Extra(keys_before(which), so)
    yield Extra(keys_after(which), otherwise)


def everything_doubted(tid: int, t: int) -> EventArray:
    """A DOUBT of unknown range: any page may be another's from `t` on."""
    row = np.zeros(1, dtype=EVENT)
    row["kind"], row["outcome"], row["to"] = EventKind.DOUBT, Outcome.UNCONFIRMED, To.UNKNOWN
    row["t"], row["tid"] = t, tid
    row["latency_ns"], row["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
    return row
