"""A recording that was gone on with after another boot: two runs, and nothing known between."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.model.events import EVENT, EventArray
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
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter, find_past

SECOND = 10**9
WALL_NS = 1_700_000_000 * SECOND
FIRST = RecordingHeader(
    name="rack-7 live",
    source="tracefs",
    host="rack-7",
    clock="mono",
    clock_start_ns=500 * SECOND,
    wall_start_ns=WALL_NS,
    kernel_release="6.12.1",
    boot_id="11111111-0000-0000-0000-000000000000",
    coverage={"sees": {"conversions": True}},
)
ENDED_T, AGAIN_T, LAST_T = 20 * SECOND, 35 * SECOND, 60 * SECOND
SECOND_RUN = replace(
    FIRST,
    from_t=AGAIN_T,
    clock_start_ns=30 * SECOND,
    wall_start_ns=WALL_NS + AGAIN_T + 5 * SECOND,  # a clock was set
    kernel_release="6.12.2",
    boot_id="22222222-0000-0000-0000-000000000000",
)
GUEST = VmIdentity("guest", 100, 5, 0, Certainty.SEEN, PageState.SHARED, process_start_ns=7)
PAGES = 1 << 14


def make(path: Path, *, same_boot: bool = False) -> None:
    """VM 1 goes on in the same boot; after another one it has ended, and VM 2 is the guest."""
    engine = open_database(path)
    with RecordingWriter(engine, FIRST, is_live=True) as writer:
        vm_id = writer.add_vm(GUEST)
        writer.set_memslot(vm_id, _memslot(0))
        writer.append(vm_id, conversions(SECOND, ENDED_T, seed=1))
        writer.advance(ENDED_T)
        writer.mark_incomplete("the writer (process 42) ended without finishing")
    header = replace(SECOND_RUN, boot_id=FIRST.boot_id) if same_boot else SECOND_RUN
    past = find_past(engine, header)
    with RecordingWriter(engine, header, is_live=True, past=past) as writer:
        writer.add_loss(Loss(past.stored.complete_t, AGAIN_T, None, None, "not recording"))
        if same_boot:
            writer.append(vm_id, _gap(past.stored.complete_t))
        else:
            writer.end_vm(vm_id, past.stored.complete_t + 1, is_inferred=True)
            start = replace(GUEST, created_t=None, created_certainty=Certainty.UNKNOWN)
            vm_id = writer.add_vm(replace(start, start_state=PageState.UNKNOWN, pid=90))
            writer.set_memslot(vm_id, _memslot(AGAIN_T))
        writer.append(vm_id, conversions(AGAIN_T + SECOND, LAST_T, seed=2))
    engine.dispose()


def conversions(from_t: int, to_t: int, seed: int) -> EventArray:
    random = np.random.default_rng(seed)
    events = np.zeros(2_000, EVENT)
    events["t"] = np.sort(random.integers(from_t, to_t, len(events)))
    events["gfn"] = random.integers(0, PAGES // 64, len(events)) * 64
    events["npages"], events["tid"], events["vcpu"] = 64, 101, 0
    events["kind"], events["outcome"] = EventKind.CONVERSION, Outcome.APPLIED
    events["to"] = random.choice([To.SHARED, To.PRIVATE], len(events), p=[0.3, 0.7])
    events["cause"], events["cause_certainty"] = Cause.EXPLICIT, Certainty.SEEN
    events["range_certainty"] = Certainty.SEEN
    return events


def _memslot(t: int) -> Memslot:
    return Memslot(0, 0, PAGES, 4, Backing.MIXED, Certainty.SEEN, 1 << 40, 9, 0, from_t=t)


def _gap(from_t: int) -> EventArray:
    events = np.zeros(2, EVENT)
    events["kind"], events["t"] = (EventKind.LOSS_BEGIN, EventKind.LOSS_END), (from_t, AGAIN_T)
    events["to"], events["latency_ns"], events["vcpu"] = To.UNKNOWN, -1, -1
    return events
