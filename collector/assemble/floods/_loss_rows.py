"""EVENT rows that mark that events of a VM were lost."""

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray
from app.model.guest import UNKNOWN_LATENCY, UNKNOWN_VCPU, EventKind, To

Times = npt.NDArray[np.int64]


def loss_rows(times: Times, kind: EventKind = EventKind.LOSS_BEGIN) -> EventArray:
    """One for each time, ns since the recording's start; how many events each lost is not known."""
    rows = np.zeros(len(times), dtype=EVENT)
    rows["kind"], rows["t"], rows["to"] = kind, times, To.UNKNOWN
    rows["latency_ns"], rows["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
    return rows
