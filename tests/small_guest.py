"""A small recording whose every answer can be worked out by hand, for views, REST and commands.

Times in ns. guest-a (VM 1) has pages [0, 256) backed by an hva and [0x100000, 0x100400) by a
guest_memfd; what it does is listed in `EVENTS_A`. Of guest-b (VM 2) no memslot is known.
"""

from pathlib import Path

import numpy as np
import pytest

from app.model.events import EVENT, EventArray
from app.model.guest import (
    UNKNOWN_LATENCY,
    Backing,
    Cause,
    Certainty,
    EventKind,
    GuestMemfd,
    Memslot,
    Outcome,
    PageState,
    To,
    VmIdentity,
)
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter

CLOCK_START_NS = 1_000_000_000_000
WALL_START_NS = 1_700_000_000_000_000_000
END_A = 1000
LAST_T = 2000


def event(t: int, **fields: int) -> EventArray:
    one = np.zeros(1, EVENT)
    one["t"], one["latency_ns"], one["tid"] = t, 10, 101
    one["kind"], one["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    one["cause"], one["cause_certainty"] = Cause.EXPLICIT, Certainty.SEEN
    for name, value in fields.items():
        one[name] = value
    return one


EVENTS_A = (
    event(100, gfn=0x100000, npages=1024, to=To.PRIVATE),  # all private
    event(200, gfn=0x100010, npages=16, to=To.SHARED),
    event(300, gfn=0x100010, npages=8, to=To.SHARED),  # a no-op
    event(400, gfn=0x100000, npages=1, to=To.SHARED, outcome=Outcome.FAILED, errno=11),
    event(450, gfn=0x100020, npages=4, to=To.SHARED, kind=EventKind.HYPERCALL),
    event(
        500,
        gfn=0x100020,
        npages=4,
        to=To.SHARED,
        outcome=Outcome.UNCONFIRMED,
        latency_ns=UNKNOWN_LATENCY,
    ),
    event(600, gfn=0x200000, npages=2, to=To.PRIVATE),  # no memslot is there
)
EVENTS_B = (
    event(150, gfn=0x10, npages=2, to=To.PRIVATE, vcpu=3, cause=Cause.VMM),
    event(850, kind=EventKind.LOSS_BEGIN, aux=3, range_certainty=Certainty.UNKNOWN, latency_ns=0),
    event(860, kind=EventKind.LOSS_END, aux=3, range_certainty=Certainty.UNKNOWN, latency_ns=0),
)

SLOT_0 = Memslot(
    slot=0,
    base_gfn=0,
    npages=256,
    flags=0,
    backing=Backing.HVA,
    backing_certainty=Certainty.SEEN,
    userspace_addr=0x7F00_0000_0000,
    from_t=5,
)
SLOT_1 = Memslot(
    slot=1,
    base_gfn=0x100000,
    npages=1024,
    flags=4,
    backing=Backing.MIXED,
    backing_certainty=Certainty.SEEN,
    userspace_addr=0x7F10_0000_0000,
    guest_memfd=6,
    guest_memfd_offset=0,
    from_t=10,
)
PLUGGED = Memslot(
    slot=2,
    base_gfn=0x1000,
    npages=256,
    flags=0,
    backing=Backing.HVA,
    backing_certainty=Certainty.SEEN,
    userspace_addr=0x7F20_0000_0000,
    from_t=700,
)


def write_small_recording(path: Path) -> None:
    engine = open_database(path)
    header = RecordingHeader(
        name="small",
        source="trace.dat",
        host="testhost",
        clock="mono",
        clock_start_ns=CLOCK_START_NS,
        wall_start_ns=WALL_START_NS,
        kernel_release="6.18.0",
        origin="small.dat",
        coverage={"missing": [{"capability": "page-faults", "costs": "no faults"}]},
    )
    with RecordingWriter(engine, header) as writer:
        write_guest_a(writer)
        write_guest_b(writer)
        writer.add_loss(Loss(850, 860, 3, 1, "ring buffer"))
        writer.advance(LAST_T)
    engine.dispose()


def write_guest_a(writer: RecordingWriter) -> None:
    vm = writer.add_vm(
        VmIdentity("guest-a", 100, 5, 0, Certainty.SEEN, PageState.SHARED, vm_type=4)
    )
    writer.set_memslot(vm, SLOT_0)
    writer.add_guest_memfd(vm, GuestMemfd(6, 1024 * 4096, 0, 7))
    writer.set_memslot(vm, SLOT_1)
    writer.append(vm, np.concatenate(EVENTS_A))
    writer.set_memslot(vm, PLUGGED)
    writer.delete_memslot(vm, 0, 2, 800)
    writer.end_vm(vm, END_A, is_inferred=False)


def write_guest_b(writer: RecordingWriter) -> None:
    vm = writer.add_vm(VmIdentity("guest-b", 200, 5, None, Certainty.UNKNOWN, PageState.UNKNOWN))
    writer.append(vm, np.concatenate(EVENTS_B))


@pytest.fixture(scope="session")
def small_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database with the small recording. Only to be read."""
    path = tmp_path_factory.mktemp("small") / "gmemscope.db"
    write_small_recording(path)
    return path
