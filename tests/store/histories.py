"""Small histories of VMs for the tests of the store."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import (
    Backing,
    Cause,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
    VmIdentity,
)
from app.store.protocol import RecordingHeader

HEADER = RecordingHeader(
    name="a storm", source="simulator", host="rack-7", clock="mono", clock_start_ns=1 << 40
)
IDENTITY = VmIdentity(
    name="guest",
    pid=4242,
    vm_fd=11,
    created_t=0,
    created_certainty=Certainty.SEEN,
    start_state=PageState.SHARED,
    kvm_pointer=0xFFFF_8881_0000_0000,
)


LOSSES = (EventKind.LOSS_BEGIN, EventKind.LOSS_END)
GAP_EVENTS = 4


def memslot(slot: int, base_gfn: int, npages: int, from_t: int = 0) -> Memslot:
    return Memslot(
        slot=slot,
        base_gfn=base_gfn,
        npages=npages,
        flags=4,
        backing=Backing.MIXED,
        backing_certainty=Certainty.SEEN,
        userspace_addr=0x7F00_0000_0000 + (base_gfn << 12),
        guest_memfd=20 + slot,
        guest_memfd_offset=0,
        from_t=from_t,
    )


def random_events(count: int, seed: int = 1, guest_pages: int = 4096) -> EventArray:
    """Conversions, some failed or unconfirmed, some other events, some losses, in effect order."""
    random = np.random.default_rng(seed)
    events = np.zeros(count, dtype=EVENT)
    events["outcome"] = random.choice(
        [Outcome.APPLIED, Outcome.FAILED, Outcome.UNCONFIRMED], count, p=[0.9, 0.06, 0.04]
    )
    events["latency_ns"] = random.integers(0, 50, count)
    events["latency_ns"][events["outcome"] == Outcome.UNCONFIRMED] = -1
    effect = 1_000 + np.cumsum(random.integers(0, 40, count))
    events["t"] = effect - np.maximum(events["latency_ns"], 0)
    events["gfn"] = random.integers(0, guest_pages, count)
    events["npages"] = random.choice([1, 1, 1, 7, 64, 512], count)
    events["kind"] = random.choice(
        [
            EventKind.CONVERSION,
            EventKind.HYPERCALL,
            EventKind.PAGE_FAULT,
            EventKind.LOSS_BEGIN,
            EventKind.STATE_READ,
        ],
        count,
        p=[0.88, 0.05, 0.04, 0.01, 0.02],
    )
    events["outcome"][events["kind"] == EventKind.STATE_READ] = Outcome.APPLIED
    is_loss = events["kind"] == EventKind.LOSS_BEGIN
    events["to"] = random.choice([To.SHARED, To.PRIVATE], count)
    events["aux"] = np.where(events["to"] == To.PRIVATE, 8, 0)
    events["errno"] = np.where(events["outcome"] == Outcome.FAILED, 22, 0)
    events["vcpu"] = random.integers(-1, 4, count)
    events["tid"] = 5_000 + events["vcpu"]
    events["cause"] = random.choice([Cause.EXPLICIT, Cause.IMPLICIT], count)
    events["range_certainty"] = np.where(is_loss, Certainty.UNKNOWN, Certainty.SEEN)
    events = events[np.argsort(effect_time(events), kind="stable")]
    begins = np.flatnonzero(events["kind"] == EventKind.LOSS_BEGIN)
    ends = np.setdiff1d(np.minimum(begins + GAP_EVENTS, count - 1), begins)
    events["kind"][ends], events["range_certainty"][ends] = EventKind.LOSS_END, Certainty.UNKNOWN
    events["t"][ends], events["latency_ns"][ends] = effect_time(events[ends]), 0
    is_loss = np.isin(events["kind"], LOSSES)
    for name, value in (("gfn", 0), ("npages", 0), ("outcome", Outcome.APPLIED), ("errno", 0)):
        events[name][is_loss] = value
    return events


@dataclass(frozen=True)
class Written:
    recording_id: int
    vm_id: int


Write = Callable[..., Written]
"""The fixture `write`."""
