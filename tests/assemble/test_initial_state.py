"""VMs that were found running: what of them goes into the recording, and what calls make of it."""

from dataclasses import replace

import numpy as np

from app.model.events import RUN, RunArray
from app.model.guest import GFN_LIMIT, Backing, Certainty, EventKind, PageState, To
from collector.assemble import Assembler
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CALL
from collector.vm_inventory import (
    FoundMemfd,
    FoundMemslot,
    FoundPopulation,
    FoundStrays,
    FoundVm,
    Inventory,
    VmmFacts,
)
from tests.assemble.memory_sink import MemorySink, RecordedVm

START, AT = 1_000, 5_000
PID, VM_FD, MEMFD = 70, 9, 12
QEMU = VmmFacts(PID, 123, "qemu-system-x86", "web", "uuid-of-web")
FOUND = FoundVm(QEMU, (VM_FD,), {10: 0, 11: 3})
FILE = FoundMemfd((MEMFD, 14), 16, 777, 4 << 20, can_be_mapped=False)
GMEM = 4


class Recorded:
    """An assembler of a live source, and what it told."""

    def __init__(self) -> None:
        self.sink = MemorySink()
        sees = {Capability.VM_CREATION.value: True}
        source = SourceDescription("tracefs", "boot", START, "host", None, sees)
        self.assembler = Assembler(self.sink, source)

    def find(self, *vms: FoundVm, strays: tuple[FoundStrays, ...] = ()) -> None:
        self.assembler.add_inventory(Inventory(AT, vms, strays))

    def call(self, ts: int, code: CallCode, fd: int, *v: int, ret: int = 0, gmem: int = 0) -> None:
        row = np.zeros(1, dtype=CALL)
        row["ts_enter"] = row["ts_exit"] = ts
        row["tid"] = row["tgid"] = PID
        row["code"], row["fd"], row["ret"], row["vcpu"] = code, fd, ret, -1
        row["flags"] = SAW_ENTER | SAW_EXIT | SAW_STRUCT | gmem
        row["v"][0, : len(v)] = v
        self.assembler.add(row)

    def region(self, ts: int, slot: int, gpa: int, size: int, flags: int = 0, fd: int = -1) -> None:
        v = (slot | flags << 32, gpa, size, 0x7F00_0000_0000, 0, fd & (1 << 64) - 1)
        self.call(ts, CallCode.SET_REGION, VM_FD, *v, gmem=SAW_GMEM if fd >= 0 else 0)

    @property
    def vm(self) -> RecordedVm:
        (vm,) = self.sink.named()
        return vm

    def slots(self) -> list[tuple[int, int, int]]:
        """id, gfn, pages of those that live."""
        return [(m.slot, m.base_gfn, m.npages) for m, to in self.vm.memslots if to is None]


def private(*ranges: tuple[int, int]) -> RunArray:
    return np.array([(gfn, n, PageState.PRIVATE) for gfn, n in ranges], dtype=RUN)


def test_vm_is_named_and_its_creation_is_unknown() -> None:
    run = Recorded()
    run.find(FOUND)
    identity = run.vm.identity
    assert (identity.name, identity.uuid, identity.process_start_ns) == ("web", "uuid-of-web", 123)
    assert (identity.pid, identity.vm_fd, identity.created_t) == (PID, VM_FD, None)
    assert (identity.created_certainty, identity.start_state) == (
        Certainty.UNKNOWN,
        PageState.UNKNOWN,
    )


def test_later_calls_are_those_of_the_vm_under_any_of_its_numbers() -> None:
    run = Recorded()
    run.find(replace(FOUND, fds=(VM_FD, 20)))
    run.call(AT + 10, CallCode.SET_ATTRIBUTES, 20, 0x1000, 0x1000, 8)
    run.call(AT + 20, CallCode.CLOSE, VM_FD)
    run.call(AT + 30, CallCode.SET_ATTRIBUTES, 20, 0x2000, 0x1000, 8)
    assert len(run.vm.conversions) == 2
    run.call(AT + 40, CallCode.CLOSE, 20)
    run.call(AT + 50, CallCode.CLOSE, 10)
    assert run.vm.ended is None
    run.call(AT + 60, CallCode.CLOSE, 11)
    assert run.vm.ended == (AT + 60 - START, False)


def test_vm_that_calls_made_known_is_completed_and_not_doubled() -> None:
    run = Recorded()
    run.call(AT - 10, CallCode.SET_ATTRIBUTES, VM_FD, 0x1000, 0x1000, 8)
    assert run.vm.identity.name == f"pid {PID}"
    run.find(FOUND)
    assert (run.vm.identity.name, run.vm.identity.uuid) == ("web", "uuid-of-web")


def test_vm_whose_creation_was_seen_keeps_what_was_seen() -> None:
    run = Recorded()
    run.call(AT - 20, CallCode.CREATE_VM, 3, ret=VM_FD)
    run.region(AT - 10, 0, 0, 0x10000)
    found = FoundMemslot(0, 0x10)
    run.find(replace(FOUND, memslots=(found, FoundMemslot(0x100, 0x10))))
    assert run.vm.identity.created_t == AT - 20 - START
    assert run.slots() == [(0, 0, 0x10)]


def test_slots_without_flags_are_shared_where_no_guest_memfd_is_open() -> None:
    run = Recorded()
    run.find(replace(FOUND, memslots=(FoundMemslot(0, 0x10), FoundMemslot(0x100, 0x10))))
    slots = [memslot for memslot, _ in run.vm.memslots]
    assert [(s.backing, s.backing_certainty) for s in slots] == [
        (Backing.HVA, Certainty.INFERRED)
    ] * 2
    assert [(s.slot, s.flags, s.userspace_addr) for s in slots] == [
        (-1, None, None),
        (-2, None, None),
    ]


def test_slots_without_flags_may_be_private_where_a_guest_memfd_is_open() -> None:
    run = Recorded()
    run.find(replace(FOUND, memslots=(FoundMemslot(0, 0x10),), memfds=(FILE,)))
    (slot,) = [memslot for memslot, _ in run.vm.memslots]
    assert (slot.backing, slot.backing_certainty) == (Backing.MIXED, Certainty.UNKNOWN)


def test_slots_of_the_kernel_have_their_backing() -> None:
    run = Recorded()
    mappable = replace(FILE, fds=(15,), ino=778, can_be_mapped=True)
    slots = (
        FoundMemslot(0, 0x10, 0x7F00_0000_0000, slot=0, flags=0),
        FoundMemslot(0x100, 0x10, 0x7F00_0001_0000, 1, 0, GMEM, FILE.ino, 0x4000),
        FoundMemslot(0x200, 0x10, 0x7F00_0002_0000, 2, 0, GMEM, mappable.ino, 0),
        FoundMemslot(0x300, 0x10, 0x7F00_0003_0000, 3, 0, GMEM),
    )
    run.find(replace(FOUND, memslots=slots, memfds=(FILE, mappable)))
    told = [memslot for memslot, _ in run.vm.memslots]
    assert [(s.backing, s.backing_certainty) for s in told] == [
        (Backing.HVA, Certainty.SEEN),
        (Backing.MIXED, Certainty.SEEN),
        (Backing.GMEM, Certainty.SEEN),
        (Backing.MIXED, Certainty.INFERRED),
    ]
    assert [s.guest_memfd for s in told] == [None, MEMFD, 15, None]
    assert [memfd.ino for memfd in run.vm.guest_memfds] == [777, 778]


def test_call_that_overlaps_a_slot_of_unknown_id_takes_its_place() -> None:
    run = Recorded()
    run.find(replace(FOUND, memslots=(FoundMemslot(0, 0x10), FoundMemslot(0x100, 0x10))))
    run.region(AT + 10, 7, 0x8000, 0x1000)
    assert run.slots() == [(-2, 0x100, 0x10), (7, 8, 1)]


def test_deletion_means_the_slot_of_unknown_id_at_its_address() -> None:
    run = Recorded()
    run.find(replace(FOUND, memslots=(FoundMemslot(0, 0x10), FoundMemslot(0x100, 0x10))))
    run.region(AT + 10, 7, 0x100000, 0)
    assert run.slots() == [(-1, 0, 0x10)]
    run.region(AT + 20, 8, 0x8000, 0)
    assert run.slots() == [(-1, 0, 0x10)]


def test_population_is_placed_where_slots_tell() -> None:
    run = Recorded()
    counted = (
        FoundPopulation(0, 512, 512),
        FoundPopulation(2 << 20, 512, 100),
    )
    slots = (
        FoundMemslot(0x100, 0x100, 0, 0, 0, GMEM, FILE.ino, 0x100 << 12),
        FoundMemslot(0x1000, 0x200, 0, 1, 0, GMEM, FILE.ino, 0x200 << 12),
    )
    run.find(replace(FOUND, memslots=slots, memfds=(replace(FILE, population=counted),)))
    rows = run.vm.events
    assert rows["kind"].tolist() == [EventKind.POPULATION] * 3
    assert rows[["gfn", "npages", "aux"]].tolist() == [
        (0x100, 0x100, 0x100),
        (0x1000, 0x200, 100),
        (0, 0, 256),  # the first MiB, which no known slot uses
    ]
    assert rows["range_certainty"].tolist() == [Certainty.SEEN, Certainty.SEEN, Certainty.UNKNOWN]


def test_population_without_slots_is_one_number() -> None:
    run = Recorded()
    counted = (FoundPopulation(0, 512, 510), FoundPopulation(2 << 20, 512, 0))
    run.find(replace(FOUND, memfds=(replace(FILE, population=counted),)))
    rows = run.vm.events
    assert rows[["t", "npages", "aux", "range_certainty"]].tolist() == [(AT - START, 0, 510, 0)]


def test_file_that_was_not_counted_tells_nothing() -> None:
    run = Recorded()
    run.find(replace(FOUND, memfds=(FILE,)))
    assert len(run.vm.events) == 0


def test_state_read_covers_all_that_is_private_and_all_between() -> None:
    run = Recorded()
    attributes = private((0x100, 0x10), (0x110, 0x10), (0x1000, 1))
    run.find(replace(FOUND, memslots=(FoundMemslot(0, 0x2000),), attributes=attributes))
    rows = run.vm.events
    assert set(rows["kind"]) == {EventKind.STATE_READ}
    assert rows[["gfn", "npages", "to"]].tolist() == [
        (0, 0x100, To.SHARED),
        (0x100, 0x10, To.PRIVATE),
        (0x110, 0x10, To.PRIVATE),
        (0x120, 0xEE0, To.SHARED),
        (0x1000, 1, To.PRIVATE),
        (0x1001, GFN_LIMIT - 0x1001, To.SHARED),
    ]


def test_state_read_of_a_vm_without_slots_names_only_what_is_private() -> None:
    run = Recorded()
    run.find(replace(FOUND, attributes=private((0x100, 0x10))))
    assert run.vm.events[["gfn", "npages", "to"]].tolist() == [(0x100, 0x10, To.PRIVATE)]


def test_guest_memfd_of_one_of_several_vms_becomes_that_of_the_one_it_is_bound_to() -> None:
    run = Recorded()
    other = replace(FOUND, fds=(8,), vcpus={})
    stray = FoundStrays(QEMU, {}, (replace(FILE, can_be_mapped=True),))
    run.find(replace(FOUND, vcpus={}), other, strays=(stray,))
    mine, others = run.sink.named()
    assert [vm.guest_memfds for vm in (mine, others)] == [[], []]
    run.call(AT + 5, CallCode.FALLOCATE, MEMFD, 1, 0, 0x1000)
    run.region(AT + 10, 1, 0x100000, 0x10000, GMEM, MEMFD)
    assert [memfd.ino for memfd in mine.guest_memfds] == [777]
    (slot,) = [memslot for memslot, _ in mine.memslots]
    assert (slot.backing, slot.backing_certainty) == (Backing.GMEM, Certainty.SEEN)
    run.call(AT + 20, CallCode.FALLOCATE, 14, 1, 0, 0x1000)
    kinds = [[EventKind(kind) for kind in vm.events["kind"]] for vm in run.sink.vms]
    assert kinds == [[EventKind.MEMSLOT, EventKind.ALLOCATE], [], [EventKind.ALLOCATE]]


def test_found_before_and_after_calls_keeps_time() -> None:
    run = Recorded()
    run.call(AT - 1, CallCode.SET_ATTRIBUTES, VM_FD, 0x1000, 0x1000, 8)
    run.find(replace(FOUND, attributes=private((1, 1)), memslots=(FoundMemslot(0, 4),)))
    run.call(AT + 1, CallCode.SET_ATTRIBUTES, VM_FD, 0x1000, 0x1000, 0)
    kinds = [EventKind(kind) for kind in run.vm.events["kind"]]
    assert kinds == [EventKind.CONVERSION, *[EventKind.STATE_READ] * 3, EventKind.CONVERSION]
