"""What the VMM wrote down beside what was stored: call by call, slot by slot."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmm import GUEST_MEMFD_FLAG_MMAP, K4, PRIVATE, PUNCH_HOLE

from app.model.events import Certainty, EventArray, EventKind, Outcome, To
from app.model.layout import Backing
from app.store.reader import Reader
from app.store.tables import MemslotRow

Call = dict[str, Any]


@dataclass
class TrueSlot:
    call: Call
    backing: Backing
    ended_by: Call | None = None


@dataclass
class TrueVm:
    """One VM: its calls in order, its memslots in order of their making."""

    fd: int
    created_by: Call
    calls: list[Call] = field(default_factory=list)
    slots: list[TrueSlot] = field(default_factory=list)
    memfds: dict[int, int] = field(default_factory=dict)  # fd -> flags


def read_truth(path: Path) -> list[TrueVm]:
    vms: list[TrueVm] = []
    for line in path.read_text().splitlines():
        call = json.loads(line)
        if call["op"] == "create_vm":
            vms.append(TrueVm(call["ret"], call))
            continue
        vm = next(vm for vm in vms if call["fd"] == vm.fd or call["fd"] in vm.memfds)
        vm.calls.append(call)
        if call["op"] == "create_guest_memfd":
            vm.memfds[call["ret"]] = call["flags"]
        if call["op"] == "set_region" and call["ret"] == 0:
            _change_layout(vm, call)
    return vms


def _change_layout(vm: TrueVm, call: Call) -> None:
    for slot in vm.slots:
        if slot.call["slot"] == call["slot"] and slot.ended_by is None:
            slot.ended_by = call
    if call["size"]:
        flags = vm.memfds.get(call.get("gmem_fd", -1))
        backing = Backing.HVA
        if flags is not None:
            backing = Backing.GMEM if flags & GUEST_MEMFD_FLAG_MMAP else Backing.MIXED
        vm.slots.append(TrueSlot(call, backing))


def check_vm(reader: Reader, vm_id: int, true: TrueVm, start_ns: int) -> None:
    """Everything the recording says of a VM is what was done to it, and nothing is missing."""
    vm = reader.vm(vm_id)
    assert vm.created_t is not None
    assert vm.created_certainty == Certainty.SEEN
    assert_within(vm.created_t + start_ns, true.created_by)
    events, _ = reader.events(vm_id, limit=len(true.calls) + 1)
    assert len(events) == len(true.calls)
    for event, call in zip(events, true.calls, strict=True):
        check_call(event, call, start_ns)
    memslots = sorted(reader.memslots(vm_id), key=lambda slot: slot.from_t)
    assert len(memslots) == len(true.slots)
    for slot, expected in zip(memslots, true.slots, strict=True):
        check_slot(slot, expected, start_ns)


def check_call(event: EventArray, call: Call, start_ns: int) -> None:
    begin = int(event["t"]) + start_ns
    assert call["t0"] <= begin <= begin + int(event["latency_ns"]) <= call["t1"]
    assert event["tid"] == call["tid"]
    is_failed = call["ret"] < 0
    assert event["errno"] == (-call["ret"] if is_failed else 0)
    assert event["outcome"] == (Outcome.FAILED if is_failed else Outcome.APPLIED)
    match call["op"]:
        case "set_attributes":
            to = To.PRIVATE if call["attributes"] & PRIVATE else To.SHARED
            assert (event["kind"], event["to"]) == (EventKind.CONVERSION, to)
            assert (int(event["gfn"]) * K4 + int(event["address_low"])) == call["address"]
            assert (int(event["npages"]) * K4 + int(event["size_low"])) == call["size"]
            assert event["aux"] == call["attributes"]
            assert event["range_certainty"] == Certainty.SEEN
        case "set_region":
            assert event["kind"] == EventKind.MEMSLOT
            assert event["aux"] == call["slot"] | call["flags"] << 32
            assert (event["gfn"], event["npages"]) == (call["gpa"] // K4, call["size"] // K4)
        case "create_guest_memfd":
            assert event["kind"] == EventKind.GUEST_MEMFD
            assert (event["npages"], event["aux"]) == (call["size"] // K4, call["flags"])
        case "fallocate":
            is_hole = call["mode"] & PUNCH_HOLE
            assert event["kind"] == (EventKind.PUNCH_HOLE if is_hole else EventKind.ALLOCATE)
            assert event["aux"] == call["offset"]


def check_slot(slot: MemslotRow, expected: TrueSlot, start_ns: int) -> None:
    call = expected.call
    assert (slot.slot, slot.flags, slot.userspace_addr) == (
        call["slot"],
        call["flags"],
        call["hva"],
    )
    assert (slot.base_gfn, slot.npages) == (call["gpa"] // K4, call["size"] // K4)
    assert slot.backing == expected.backing
    if expected.backing is not Backing.HVA:
        assert (slot.guest_memfd, slot.guest_memfd_offset) == (
            call["gmem_fd"],
            call["gmem_offset"],
        )
    assert_within(slot.from_t + start_ns, call)
    if expected.ended_by is None:
        assert slot.to_t is None
    else:
        assert slot.to_t is not None
        assert_within(slot.to_t + start_ns, expected.ended_by)


def assert_within(at: int, call: Call) -> None:
    assert call["t0"] <= at <= call["t1"]
