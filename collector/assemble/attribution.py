"""Which VM each row of a flood belongs to, and which guest pages it means there."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from app.model.events import (
    PAGE_SHIFT,
    PAGE_SIZE,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Certainty,
    EventArray,
    EventKind,
    Outcome,
    To,
    effect_time,
)
from app.model.layout import Memslot
from collector.assemble.backing import (
    Piece,
    meets_layout,
    pieces_of_file_range,
    pieces_of_hva_range,
    slot_of_file_range,
)
from collector.assemble.memslots import GuestMemfdFile
from collector.assemble.processes import Processes
from collector.assemble.vm_ioctls import VM_IOCTLS
from collector.assemble.vms import Caller, LiveVm, Vcpu, Vms
from collector.records import SAW_EXIT, CallArray, CallCode

EBADF = 9
DROPPED = -1
"""In place of an index into the VMs: the row is no event of a guest."""

_OF_VCPU = (
    CallCode.HYPERCALL,
    CallCode.MEMORY_FAULT,
    CallCode.PAGE_FAULT,
    CallCode.RMP_FAULT,
)
Extra = tuple[int, LiveVm, np.void]
"""A further row: the call it comes from, whose it is, and the row."""

IndexArray = npt.NDArray[np.int64]


class Attribution:
    """Gives the rows of a flood to their VMs. Between two rare calls nothing else changes."""

    def __init__(self, vms: Vms, processes: Processes) -> None:
        self._vms = vms
        self._processes = processes
        self._found: list[LiveVm] = []

    def events_by_vm(
        self, calls: CallArray, rows: EventArray
    ) -> Iterator[tuple[LiveVm, EventArray]]:
        """The events of each VM, in order. Rows that are none of a guest's are dropped."""
        self._found = []
        owner = self._of_ioctls(calls, rows)
        self._of_vcpus(calls, rows, owner)
        rows, owner = self._with_extras(calls, rows, owner)
        for index, vm in enumerate(self._found):
            events = rows[owner == index]
            if len(events):
                yield vm, events

    def _index(self, vm: LiveVm) -> int:
        for index, known in enumerate(self._found):
            if known is vm:
                return index
        self._found.append(vm)
        return len(self._found) - 1

    def _of_ioctls(self, calls: CallArray, rows: EventArray) -> IndexArray:
        owner = np.full(len(calls), DROPPED, dtype=np.int64)
        which = np.flatnonzero(np.isin(calls["code"], VM_IOCTLS))
        if not len(which):
            return owner
        ours = calls[which]
        key_of, first = _group(ours)
        returned = ours["flags"] & SAW_EXIT != 0
        is_alien = returned & (ours["ret"] == -EBADF)
        accepted = ~returned | (ours["ret"] >= 0)
        was_accepted = np.bincount(key_of, weights=accepted, minlength=len(first)) > 0
        target = np.array(
            [
                self._index(self._vm_of(ours[i], int(rows["t"][which[i]]), bool(ok)))
                for i, ok in zip(first.tolist(), was_accepted.tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        owner[which] = target[key_of]
        if is_alien.any():
            owner[which[is_alien]] = self._index(self._vms.unattributed)
        return owner

    def _vm_of(self, call: np.void, t: int, was_accepted: bool) -> LiveVm:
        caller = Caller(int(call["tid"]), int(call["fd"]), int(call["kvm"]))
        if was_accepted or caller.kvm:
            return self._vms.find_or_create(caller, t)
        return self._vms.find(caller) or self._vms.unattributed

    def _of_vcpus(self, calls: CallArray, rows: EventArray, owner: IndexArray) -> None:
        which = np.flatnonzero(np.isin(calls["code"], _OF_VCPU))
        if not len(which):
            return
        ours = calls[which]
        key_of, first = _group(ours)
        target = np.zeros(len(first), dtype=np.int64)
        vcpu_of = np.full(len(first), UNKNOWN_VCPU, dtype=np.int16)
        for key, i in enumerate(first.tolist()):
            tid, fd = int(ours["tid"][i]), int(ours["fd"][i])
            target[key] = self._index(self._vms.of_thread(tid, fd) or self._vms.unattributed)
            file = self._vms.file(tid, fd) if fd >= 0 else None
            if isinstance(file, Vcpu):
                vcpu_of[key] = file.vcpu_id
        owner[which] = target[key_of]
        unknown = rows["vcpu"][which] == UNKNOWN_VCPU
        rows["vcpu"][which[unknown]] = vcpu_of[key_of[unknown]]

    def _with_extras(
        self, calls: CallArray, rows: EventArray, owner: IndexArray
    ) -> tuple[EventArray, IndexArray]:
        """Add the rows that a call becomes besides, or instead of, its own."""
        extras = [*self._pieces(calls, rows, owner), *self._doubts(calls, rows, owner)]
        if not extras:
            return rows, owner
        source = np.array([at for at, _, _ in extras], dtype=np.int64)
        added = np.array([row for _, _, row in extras], dtype=rows.dtype)
        added_owner = np.array([self._index(vm) for _, vm, _ in extras], dtype=np.int64)
        order = np.argsort(np.concatenate((np.arange(len(rows)), source)), kind="stable")
        return (
            np.concatenate((rows, added))[order],
            np.concatenate((owner, added_owner))[order],
        )

    def _pieces(self, calls: CallArray, rows: EventArray, owner: IndexArray) -> Iterator[Extra]:
        """Fallocates and unmaps, a row for each memslot they meet."""
        for at, vm, piece in (*self._fallocates(calls, rows, owner), *self._unmaps(calls)):
            row = rows[at].copy()
            row["gfn"], row["npages"], row["aux"] = piece.gfn, piece.npages, piece.aux
            row["range_certainty"] = piece.certainty
            yield at, vm, row

    def _doubts(self, calls: CallArray, rows: EventArray, owner: IndexArray) -> Iterator[Extra]:
        """A conversion of one of several VMs, none can tell which, is a loss to all of them."""
        stray = self._vms.unattributed_if_any
        if stray is None:
            return
        happened = (rows["kind"] == EventKind.CONVERSION) & (rows["outcome"] != Outcome.FAILED)
        for at in np.flatnonzero(happened & (owner == self._index(stray))).tolist():
            caller = Caller(int(calls["tid"][at]), int(calls["fd"][at]), 0)
            for vm in self._vms.candidates(caller):
                for kind in (EventKind.LOSS_BEGIN, EventKind.LOSS_END):
                    row = np.zeros(1, dtype=rows.dtype)[0]
                    row["kind"], row["t"] = kind, effect_time(rows[at : at + 1])[0]
                    row["tid"], row["to"] = caller.tid, To.UNKNOWN
                    row["latency_ns"], row["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
                    yield at, vm, row

    def _fallocates(
        self, calls: CallArray, rows: EventArray, owner: IndexArray
    ) -> Iterator[tuple[int, LiveVm, Piece]]:
        """Place those that fall into one memslot where they stand; yield the pieces of others."""
        which = np.flatnonzero(calls["code"] == CallCode.FALLOCATE)
        if not len(which):
            return
        group_of, first = _group(calls[which])
        for group, i in enumerate(first.tolist()):
            call, members = calls[which[i]], which[group_of == group]
            file, certainty = self._guest_memfd(int(call["tid"]), int(call["fd"]))
            owners = [] if file is None else [v for v in self._vms.live() if file in v.files]
            if file is not None and file.stray is not None:
                owner[members] = self._index(self._vms.unattributed)
            if file is None or not owners:
                continue
            for vm in owners:
                slots = vm.layout.bound_to(file)
                rest = self._place_in_one_slot(vm, slots, members, calls, rows, owner)
                for at in rest.tolist():
                    offset, size = int(calls["v"][at, 1]), int(calls["v"][at, 2])
                    for piece in pieces_of_file_range(offset, size, slots):
                        yield at, vm, piece
            if certainty != Certainty.SEEN:
                placed = members[rows["range_certainty"][members] == Certainty.SEEN]
                rows["range_certainty"][placed] = certainty

    def _place_in_one_slot(
        self,
        vm: LiveVm,
        slots: list[Memslot],
        members: IndexArray,
        calls: CallArray,
        rows: EventArray,
        owner: IndexArray,
    ) -> IndexArray:
        """Translate file ranges that lie within one slot; return the members that do not.

        Where no slot is known, all stay as they are: of that VM, their range unknown.
        """
        if not slots:
            owner[members] = self._index(vm)
            return members[:0]
        offset, size = calls["v"][members, 1], calls["v"][members, 2]
        at, is_inside = slot_of_file_range(offset, size, slots)
        inside = members[is_inside]
        ordered = sorted(slots, key=lambda slot: slot.guest_memfd_offset or 0)
        base = np.array([slot.base_gfn for slot in ordered], dtype=np.uint64)[at[is_inside]]
        begin = np.array([slot.guest_memfd_offset or 0 for slot in ordered], dtype=np.uint64)
        into = offset[is_inside] - begin[at[is_inside]]
        shift = np.uint64(PAGE_SHIFT)
        rows["gfn"][inside] = base + (into >> shift)
        rows["npages"][inside] = size[is_inside] >> shift
        low = np.uint64(PAGE_SIZE - 1)
        rows["address_low"][inside] = into & low
        rows["size_low"][inside] = size[is_inside] & low
        rows["range_certainty"][inside] = Certainty.SEEN
        owner[inside] = self._index(vm)
        return members[~is_inside]

    def _guest_memfd(self, tid: int, fd: int) -> tuple[GuestMemfdFile | None, Certainty]:
        """The guest_memfd of an fd; without an fd (kprobes), the only one of the thread's VM."""
        if fd >= 0:
            file = self._vms.file(tid, fd)
            return (file, Certainty.SEEN) if isinstance(file, GuestMemfdFile) else (None, _NO)
        vm = self._vms.of_thread(tid, -1)
        if vm is None or len(vm.files) != 1:
            return None, _NO
        return vm.files[0], Certainty.INFERRED

    def _unmaps(self, calls: CallArray) -> Iterator[tuple[int, LiveVm, Piece]]:
        """KVM reports an unmapped range once for each VM of the process, with nothing to tell
        them apart: each VM that it meets gets it, and what repeats at once is that report."""
        which = np.flatnonzero(calls["code"] == CallCode.UNMAP)
        if not len(which):
            return
        starts, ends = calls["v"][which, 0], calls["v"][which, 1]
        meeting = [vm for vm in self._vms.live() if vm.layout.slots]
        for vm in meeting:
            meets = meets_layout(starts, ends, vm.layout)
            for i in np.flatnonzero(meets).tolist():
                at = int(which[i])
                if not self._is_repeated(calls, which, i) and self._may_be_of(calls[at], vm):
                    for piece in pieces_of_hva_range(int(starts[i]), int(ends[i]), vm.layout):
                        yield at, vm, piece

    def _is_repeated(self, calls: CallArray, which: IndexArray, i: int) -> bool:
        if i == 0:
            return False
        now, before = calls[which[i]], calls[which[i - 1]]
        same = now["tid"] == before["tid"] and (now["v"][:2] == before["v"][:2]).all()
        process = self._processes.of(int(now["tid"]))
        alive = self._vms.live() if process is None else self._vms.of_process(process)
        return bool(same) and len(list(alive)) > 1

    def _may_be_of(self, call: np.void, vm: LiveVm) -> bool:
        process = self._processes.of(int(call["tid"]))
        return process is None or vm.process is None or process == vm.process


_NO = Certainty.UNKNOWN


def _group(calls: CallArray) -> tuple[IndexArray, IndexArray]:
    """Number the distinct (tid, fd, kvm): the group of each call, the first call of each group."""
    thread_and_fd = calls["tid"].astype(np.int64) << 32 | (
        calls["fd"].astype(np.int64) & 0xFFFFFFFF
    )
    _, first, group = np.unique(thread_and_fd, return_index=True, return_inverse=True)
    kvm = calls["kvm"]
    if (kvm != kvm[0]).any():
        pointers, of_pointer = np.unique(kvm, return_inverse=True)
        combined = group * len(pointers) + of_pointer
        _, first, group = np.unique(combined, return_index=True, return_inverse=True)
    return group, first
