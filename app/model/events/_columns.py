"""What happened to guest memory, as columns.

Every flood of a recording (conversions, hypercalls, faults, punch holes, ...) is one structured
array of `EVENT`; every page that really changed its state is covered by one row of `CHANGE`.
Both are ordered by the time at which the event took effect (`effect_time`).
"""

import numpy as np
import numpy.typing as npt

from app.model.guest import Outcome

EVENT = np.dtype(
    [
        ("t", "<i8"),  # ns since the recording's start, when the call was entered
        ("latency_ns", "<i8"),  # time inside the call, UNKNOWN_LATENCY if its end was not seen
        ("gfn", "<u8"),  # first guest frame
        ("npages", "<u8"),
        ("effective_pages", "<u8"),  # pages whose known state it really changed; set by the store
        ("aux", "<u8"),  # see EventKind
        ("tid", "<i4"),  # host thread
        ("errno", "<i2"),  # positive, 0 if none
        ("vcpu", "<i2"),  # UNKNOWN_VCPU if not known
        (
            "address_low",
            "<u2",
        ),  # bytes of the gpa past its page border (such calls fail)
        ("size_low", "<u2"),  # bytes of the size past whole pages
        ("kind", "u1"),  # EventKind
        ("to", "u1"),  # To
        ("outcome", "u1"),  # Outcome
        ("cause", "u1"),  # Cause
        ("cause_certainty", "u1"),  # Certainty
        ("range_certainty", "u1"),  # Certainty; UNKNOWN: gfn and npages are 0 and mean nothing
    ]
)

CHANGE = np.dtype(
    [
        ("t", "<i8"),  # effect time, ns since the recording's start
        ("gfn", "<u8"),
        ("npages", "<u8"),
        ("event", "<i8"),  # sequence number of the event in its VM; see below for -1
        ("mixed_delta", "<i4"),  # 1, -1: the 2 MiB block of its last page became mixed, or ceased
        ("before", "u1"),  # PageState of every page of the run before
        ("after", "u1"),  # PageState of every page of the run after
        ("in_memslot", "?"),  # a memslot covers the run; attributes may change where none does
        ("is_return", "?"),  # a return: conversions had flipped every page before (app.model.stats)
    ]
)
"""A run of pages that changed alike. `event` is -1 where no event changed them: a memslot came or
went, or the state was read from the kernel and found to be another. When events of a VM were lost
for the first time, one row has no pages (npages is 0, in_memslot False): what no row ever named is
unknown from then on."""

RUN = np.dtype([("gfn", "<u8"), ("npages", "<u8"), ("state", "u1")])
"""A maximal run of pages in one `PageState`."""

EventArray = npt.NDArray[np.void]
ChangeArray = npt.NDArray[np.void]
RunArray = npt.NDArray[np.void]


def effect_time(events: EventArray) -> npt.NDArray[np.int64]:
    """The instant from which each event's effect is known to hold, ns since the recording's start.

    A call takes effect at its return: KVM serialises attribute changes under `slots_lock`, so
    returns, not entries, follow the order in which they were made (virt/kvm/kvm_main.c). An
    unconfirmed call makes its pages uncertain from its entry on.
    """
    latency = np.where(events["outcome"] == Outcome.UNCONFIRMED, 0, events["latency_ns"])
    result: npt.NDArray[np.int64] = events["t"] + np.maximum(latency, 0)
    return result


def last_effect_time(events: EventArray) -> int:
    """That of the last of some events. Arrays of one cost far more than what is done to it."""
    last = events[-1]
    latency = 0 if last["outcome"] == _UNCONFIRMED else max(int(last["latency_ns"]), 0)
    return int(last["t"]) + latency


_UNCONFIRMED = int(Outcome.UNCONFIRMED)  # to ask an enum for a member takes longer than all that
