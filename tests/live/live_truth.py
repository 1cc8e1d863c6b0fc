"""What the VMM wrote down beside what was stored: call by call, slot by slot."""

import json
from dataclasses import dataclass, field
from errno import EINTR
from pathlib import Path
from typing import Any

import numpy as np

from app.model.events import EventArray
from app.model.guest import Backing, Certainty, EventKind, Memslot, Outcome, To
from app.store.read import Reader
from app.store.schema import Vm
from collector.kvm import uapi
from tests.live.kvm_calls import K4, PRIVATE, PUNCH_HOLE

Call = dict[str, Any]

KINDS = {
    "set_attributes": EventKind.CONVERSION,
    "set_attributes2": EventKind.CONVERSION,
    "set_region": EventKind.MEMSLOT,
    "create_guest_memfd": EventKind.GUEST_MEMFD,
    "register_region": EventKind.REGISTER_REGION,
    "unregister_region": EventKind.UNREGISTER_REGION,
}
"""Of the calls that are events of a VM. What else was called makes VMs, or follows their fds."""
CALLS = (*KINDS.values(), EventKind.PUNCH_HOLE, EventKind.ALLOCATE)
"""Recordings may also tell of what nobody called: unmaps, guest page faults."""
MOST_EVENTS = 10_000
"""More than any scene makes."""


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
    ended_by: Call | None = None  # the close of its last fd, or exec


def read_truth(path: Path) -> list[TrueVm]:
    """The VMs in order of their making. Calls that belong to none are left out."""
    truth = _Truth()
    for line in path.read_text().splitlines():
        truth.take(json.loads(line))
    return truth.vms


class _Truth:
    """Which VM each number names, in one process after the other."""

    def __init__(self) -> None:
        self.vms: list[TrueVm] = []
        self._vm_of: dict[int, TrueVm] = {}  # fd of a VM -> the VM
        self._memfd_of: dict[int, TrueVm] = {}
        self._vcpu_of: dict[int, int] = {}  # thread -> the vCPU it ran last

    def take(self, call: Call) -> None:
        op, fd, ret = call["op"], call["fd"], call["ret"]
        if op == "create_vm":
            self.vms.append(TrueVm(ret, call))
            self._vm_of[ret] = self.vms[-1]
        elif op == "dup":
            self._vm_of[ret] = self._vm_of[fd]
        elif op == "close":
            self._close(fd, call)
        elif op == "exec":
            for held in list(self._vm_of):
                self._close(held, call)
        elif op == "returned":
            self.vms[-1].calls[-1] |= {"ret": ret, "t1": call["t1"]}
        elif op == "vcpu_run":
            self._vcpu_of[call["tid"]] = call["vcpu"]
        elif op == "fallocate" or op in KINDS:
            self._add(self._vm_of.get(fd) or self._memfd_of[fd], call)

    def _close(self, fd: int, call: Call) -> None:
        vm = self._vm_of.pop(fd)
        if vm not in self._vm_of.values():
            vm.ended_by = call

    def _add(self, vm: TrueVm, call: Call) -> None:
        vm.calls.append(call | {"vcpu": self._vcpu_of.get(call["tid"], -1)})
        if call["op"] == "create_guest_memfd":
            vm.memfds[call["ret"]] = call["flags"]
            self._memfd_of[call["ret"]] = vm
        if call["op"] == "set_region" and call["ret"] == 0:
            _change_layout(vm, call)


def _change_layout(vm: TrueVm, call: Call) -> None:
    for slot in vm.slots:
        if slot.call["slot"] == call["slot"] and slot.ended_by is None:
            slot.ended_by = call
    if call["size"]:
        flags = vm.memfds.get(call.get("gmem_fd", -1))
        backing = Backing.HVA
        if flags is not None:
            backing = Backing.GMEM if flags & uapi.GUEST_MEMFD_FLAG_MMAP else Backing.MIXED
        vm.slots.append(TrueSlot(call, backing))


def check_vm(reader: Reader, vm_id: int, true: TrueVm, start_ns: int) -> None:
    """Everything the recording says of a VM is what was done to it, and nothing is missing."""
    for event, call in check_calls(reader, vm_id, true, start_ns):
        check_contents(event, call)
    memslots = sorted(reader.memslots(vm_id), key=lambda slot: slot.from_t)
    assert len(memslots) == len(true.slots)
    for slot, expected in zip(memslots, true.slots, strict=True):
        check_slot(slot, expected, start_ns, reader.vm(vm_id).ended_t)


def check_pages(reader: Reader, vm: Vm, true: TrueVm) -> None:
    """Applied conversions made the pages what they are; refused ones changed none.

    While the VM lives: with it ends what is private.
    """
    is_private: dict[int, bool] = {}
    changed, applied = 0, 0
    for call in true.calls:
        if KINDS.get(call["op"]) != EventKind.CONVERSION or call["ret"] != 0:
            continue
        applied += 1
        to = bool(call["attributes"] & PRIVATE)
        for gfn in range(call["address"] // K4, (call["address"] + call["size"]) // K4):
            changed += is_private.get(gfn, False) != to
            is_private[gfn] = to
    alive = [slot.call for slot in true.slots if slot.ended_by is None]
    gfns = (call["gpa"] // K4 + page for call in alive for page in range(call["size"] // K4))
    private = sum(is_private.get(gfn, False) for gfn in gfns)
    last = vm.last_t if vm.ended_t is None else vm.ended_t - 1
    totals = reader.page_map_at(vm.id, last).totals()
    assert (totals.private, vm.effective_pages, vm.applied) == (private, changed, applied)


def check_calls(
    reader: Reader, vm_id: int, true: TrueVm, start_ns: int
) -> list[tuple[EventArray, Call]]:
    """What every source tells: the order of calls, when, by whom and with which result.

    Returns each event of the VM with the call that it is.
    """
    vm = reader.vm(vm_id)
    assert vm.created_t is not None
    assert vm.created_certainty == Certainty.SEEN
    assert_within(vm.created_t + start_ns, true.created_by)
    events, _ = reader.events(vm_id, limit=MOST_EVENTS)
    events = events[np.isin(events["kind"], CALLS)]
    calls = true.calls
    is_second_long = [call["op"] for call in calls[-2:]] == ["fallocate", "fallocate"]
    if calls[-1]["ret"] is None and is_second_long and len(events) == len(calls) - 1:
        calls = calls[:-1]  # killed before it began; the first such call was waited for
    pairs = list(zip(events, calls, strict=True))
    for event, call in pairs:
        check_outcome(event, call, start_ns)
    return pairs


def check_outcome(event: EventArray, call: Call, start_ns: int) -> None:
    begin, ret = int(event["t"]) + start_ns, call["ret"]
    assert event["kind"] == kind_of(call)
    assert event["tid"] == call["tid"]
    assert call["t0"] <= begin
    if ret is None:  # killed while it was under way: its end was not seen, or was its interruption
        told = int(event["outcome"]), int(event["errno"])
        assert told in ((Outcome.UNCONFIRMED, 0), (Outcome.FAILED, EINTR))
        return
    assert begin <= begin + int(event["latency_ns"]) <= call["t1"]
    assert event["errno"] == max(0, -ret)
    assert event["outcome"] == (Outcome.FAILED if ret < 0 else Outcome.APPLIED)


def kind_of(call: Call) -> EventKind:
    if call["op"] == "fallocate":
        return EventKind.PUNCH_HOLE if call["mode"] & PUNCH_HOLE else EventKind.ALLOCATE
    return KINDS[call["op"]]


def check_contents(event: EventArray, call: Call) -> None:
    """What only sources tell that read the user's structs."""
    match call["op"]:
        case "set_attributes":
            to = To.PRIVATE if call["attributes"] & PRIVATE else To.SHARED
            assert event["to"] == to
            assert (int(event["gfn"]) * K4 + int(event["address_low"])) == call["address"]
            assert (int(event["npages"]) * K4 + int(event["size_low"])) == call["size"]
            assert event["aux"] == call["attributes"]
            assert event["range_certainty"] == Certainty.SEEN
        case "set_attributes2":
            to = To.PRIVATE if call["attributes"] & PRIVATE else To.SHARED
            assert (event["to"], event["aux"]) == (to, call["attributes"])
        case "set_region":
            assert event["aux"] == call["slot"] | call["flags"] << 32
            assert (event["gfn"], event["npages"]) == (call["gpa"] // K4, call["size"] // K4)
        case "create_guest_memfd":
            assert (event["npages"], event["aux"]) == (call["size"] // K4, call["flags"])
        case "fallocate":
            assert event["aux"] == call["offset"]
        case "register_region" | "unregister_region":
            assert event["aux"] == call["addr"]


def check_slot(slot: Memslot, expected: TrueSlot, start_ns: int, vm_ended_t: int | None) -> None:
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
        assert slot.to_t == vm_ended_t
    else:
        assert slot.to_t is not None
        assert_within(slot.to_t + start_ns, expected.ended_by)


def assert_within(at: int, call: Call) -> None:
    assert call["t0"] <= at <= call["t1"]
