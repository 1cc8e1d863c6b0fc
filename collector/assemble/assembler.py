"""CALLs -> VMs, memslots and events, told to a RecordingSink in order of effect time.

Floods (conversions, hypercalls, faults) go through in whole arrays; the rare calls that change
who is who or what is mapped cut the stream between them and are followed one by one.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, UNKNOWN_VCPU, Certainty, EventArray, EventKind
from app.model.layout import GuestMemfd
from app.store.protocol import Loss, RecordingSink
from collector.assemble.attribution import Attribution
from collector.assemble.event_rows import distrust_unread_structs, event_rows
from collector.assemble.found import FoundTaker
from collector.assemble.memslots import GuestMemfdFile, Region
from collector.assemble.processes import Processes
from collector.assemble.reuse import changes_layout, is_internal, is_new_vm, region_of
from collector.assemble.vm_ioctls import VmIoctls
from collector.assemble.vms import Caller, LiveVm, Vcpu, VmmOf, Vms
from collector.coverage import Capability
from collector.host.found import Found
from collector.records import CALL, SAW_EXIT, SAW_STRUCT, CallArray, CallCode
from collector.sources.base import SourceDescription

MOST_HELD_CALLS = 1 << 17
"""How far ahead to look for proof that a descriptor was reused."""

UNKNOWN_CPU = 0xFFFF
_FLOOD = np.zeros(256, dtype=bool)
_FLOOD[
    [
        CallCode.SET_ATTRIBUTES,
        CallCode.FALLOCATE,
        CallCode.HYPERCALL,
        CallCode.MEMORY_FAULT,
        CallCode.PAGE_FAULT,
        CallCode.UNMAP,
        CallCode.RMP_FAULT,
    ]
] = True


class Assembler:
    """One recording's calls, batch by batch.

    `vmm_of` is asked once for each process that owns a VM; None: nobody can tell any more.
    """

    def __init__(
        self, sink: RecordingSink, source: SourceDescription, vmm_of: VmmOf | None = None
    ) -> None:
        self.event_counts: Counter[EventKind] = Counter()
        self.lost_events = 0
        self._sink = sink
        self._source = source.format
        self._start_ns = source.clock_start_ns
        self._sees_creation = source.sees.get(Capability.VM_CREATION, False)
        self._processes = Processes(source.thread_groups)
        self._vms = Vms(sink, self._processes, source.command_names, vmm_of)
        self._attribution = Attribution(self._vms, self._processes)
        self._held = np.zeros(0, dtype=CALL)
        self._rows = np.zeros(0, dtype=EVENT)  # of the calls at hand
        self._vm_ioctls = VmIoctls(self._held)
        self._open_gaps = 0

    @property
    def unattributed(self) -> LiveVm | None:
        return self._vms.unattributed_if_any

    def add(self, calls: CallArray) -> None:
        """Take the next calls, which must not be older than those before."""
        self._take(np.concatenate((self._held, distrust_unread_structs(calls))), is_last=False)
        if len(calls):
            self._sink.advance(self._t(int(calls["ts_exit"][-1])))

    def found(self, found: Found) -> None:
        """What was on the host at `found.clock_ns`: between the calls before and after it."""
        self._take(self._held, is_last=True)
        taker = FoundTaker(self._sink, self._vms, self._processes, self._append)
        taker.take(found, self._t(found.clock_ns))

    def reached(self, ts: int) -> None:
        """No call of a time before `ts` (of the source's clock) is left to be given."""
        self._sink.advance(self._t(ts))

    def finish(self) -> None:
        """All calls were given: decide what was held back and settle the names of the VMs."""
        self._take(self._held, is_last=True)
        for vm, identity in self._vms.names():
            self._sink.update_vm(vm.sink_id, identity)

    def _take(self, calls: CallArray, *, is_last: bool) -> None:
        self._held, self._rows = calls[:0], event_rows(calls, self._start_ns)
        self._vm_ioctls = VmIoctls(calls)
        start = 0
        for i in np.flatnonzero(_cuts(calls)):
            at = int(i)
            if self._is_someone_elses_fd(calls, start, at):
                continue
            self._flood(calls[start:at], self._rows[start:at])
            start = at
            if not self._follow(calls, at, is_last=is_last):
                break
            start = at + 1
        else:
            self._flood(calls[start:], self._rows[start:])
            return
        self._held = calls[start:].copy()

    def _is_someone_elses_fd(self, calls: CallArray, start: int, at: int) -> bool:
        """Most files that a process closes or duplicates are none of ours: neither known, nor to
        become known by the VM ioctls of the flood that begins at `start`: a thread of no known
        process knows what its own made known, another one what was made known by that fd."""
        call = calls[at]
        if call["code"] not in (CallCode.CLOSE, CallCode.DUP):
            return False
        tid = int(call["tid"])
        if self._vms.file(tid, int(call["fd"])) is not None:
            return False
        if self._processes.of(tid) is None:
            return self._vm_ioctls.last_by_thread(at) < start
        return self._vm_ioctls.last_on_fd(at) < start

    def _flood(self, calls: CallArray, rows: EventArray) -> None:
        """Calls that change neither VMs nor layout."""
        if not len(calls):
            return
        self._learn_processes(calls)
        for vm, events in self._attribution.events_by_vm(calls, rows):
            self._append(vm, events)

    def _append(self, vm: LiveVm, events: EventArray) -> None:
        kinds, counts = np.unique(events["kind"], return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.event_counts[EventKind(kind)] += count
        self._sink.append(vm.sink_id, events)
        vm.last_t = int(events["t"][-1]) + max(0, int(events["latency_ns"][-1]))

    def _learn_processes(self, calls: CallArray) -> None:
        told = calls[calls["tgid"] != 0]
        if len(told):
            pairs = np.unique(told["tid"].astype(np.int64) << 32 | told["tgid"])
            for pair in pairs.tolist():
                self._processes.learn(pair >> 32, pair & 0xFFFFFFFF)

    def _t(self, ts: int) -> int:
        return ts - self._start_ns

    # -- the rare calls, one by one ------------------------------------------------------------

    def _follow(self, calls: CallArray, at: int, *, is_last: bool) -> bool:
        """Carry out one rare call. False: what it means depends on calls not given yet."""
        call, row = calls[at], self._rows[at : at + 1]
        self._learn_processes(calls[at : at + 1])
        later = calls[at + 1 :]
        decided = is_last or len(later) >= MOST_HELD_CALLS
        match int(call["code"]):
            case CallCode.SET_REGION:
                self._set_region(call, row)
            case CallCode.CREATE_GUEST_MEMFD:
                return self._create_guest_memfd(call, row, later, decided)
            case CallCode.UNKNOWN_IOCTL:
                return self._unknown_ioctl(call, later, decided)
            case CallCode.CREATE_VM:
                self._create_vm(call)
            case CallCode.CREATE_VCPU:
                self._create_vcpu(call)
            case CallCode.CLOSE:
                if int(call["ret"]) == 0:
                    t = self._t(int(call["ts_exit"]))
                    self._vms.close(int(call["tid"]), int(call["fd"]), t, is_inferred=False)
            case CallCode.DUP:
                self._dup(call)
            case CallCode.NEW_TASK:
                child, clone_flags = int(call["v"][0]), int(call["v"][1])
                self._processes.cloned(int(call["tid"]), child, clone_flags)
            case CallCode.PROCESS_EXIT:
                self._process_exit(call)
            case CallCode.LOSS_BEGIN | CallCode.LOSS_END:
                self._loss(call, row)
        return True

    def _create_vm(self, call: np.void) -> None:
        caller = Caller(int(call["tid"]), int(call["ret"]), 0)
        t = self._t(int(call["ts_exit"]))
        vm_type = int(call["v"][0]) if call["flags"] & SAW_STRUCT else None
        self._vms.create(caller, t, Certainty.SEEN, vm_type, t)

    def _create_vcpu(self, call: np.void) -> None:
        t = self._t(int(call["ts_exit"]))
        vm = self._vms.find_or_create(_caller(call), t)
        if not self._vms.is_unattributed(vm):
            is_told = call["flags"] & SAW_STRUCT
            vcpu = Vcpu(vm, int(call["v"][0]) if is_told else UNKNOWN_VCPU)
            self._vms.open(int(call["tid"]), int(call["ret"]), vcpu, t)

    def _dup(self, call: np.void) -> None:
        file = self._vms.file(int(call["tid"]), int(call["fd"]))
        if file is not None and int(call["ret"]) >= 0:
            t = self._t(int(call["ts_exit"]))
            self._vms.open(int(call["tid"]), int(call["ret"]), file, t)

    def _process_exit(self, call: np.void) -> None:
        pid, group_dead = int(call["v"][0]), int(call["v"][1].astype(np.int64))
        process = self._processes.exited(pid, group_dead)
        if process is not None:
            self._vms.end_process(process, self._t(int(call["ts_exit"])))

    def _unknown_ioctl(self, call: np.void, later: CallArray, decided: bool) -> bool:
        """An exit without its entry returned what may be an fd: that of a new VM, perhaps."""
        if self._sees_creation:
            return True
        tid, fd, t = int(call["tid"]), int(call["ret"]), self._t(int(call["ts_exit"]))
        vm = self._vms.file(tid, fd)
        if isinstance(vm, LiveVm):
            is_new = self._is_reused(vm, tid, fd, later)
            if is_new is None and not decided:
                return False
            if not is_new:
                return True
            self._vms.close(tid, fd, t, is_inferred=True)
        self._vms.hint_creation(tid, fd, t)
        return True

    def _is_reused(self, vm: LiveVm, tid: int, fd: int, later: CallArray) -> bool | None:
        threads = list(self._processes.threads(self._vms.owner(tid)) | {tid})
        ours = np.isin(later["tid"], threads)
        again = ours & (later["code"] == CallCode.UNKNOWN_IOCTL) & (later["ret"] == fd)
        end = int(np.flatnonzero(again)[0]) if again.any() else len(later)
        is_new = is_new_vm(vm, later[:end][ours[:end] & (later["fd"][:end] == fd)])
        return False if is_new is None and end < len(later) else is_new

    def _create_guest_memfd(
        self, call: np.void, row: EventArray, later: CallArray, decided: bool
    ) -> bool:
        caller, t = _caller(call), self._t(int(call["ts_exit"]))
        vm = self._vms.find_or_create(caller, t)
        if caller.fd < 0 and vm.layout.slots and not self._sees_creation:
            # Only a pointer names the VM, and memory is reused: a VM that starts with a
            # guest_memfd may be another one at the same address.
            is_new = is_new_vm(vm, later[later["kvm"] == np.uint64(caller.kvm)])
            if is_new is None and not decided:
                return False
            if is_new:
                vm = self._replace(vm, caller, self._t(int(call["ts_enter"])), t)
        self._append(vm, row)
        if not self._vms.is_unattributed(vm):
            self._open_guest_memfd(vm, call, t)
        return True

    def _open_guest_memfd(self, vm: LiveVm, call: np.void, t: int) -> None:
        file = GuestMemfdFile()
        if call["flags"] & SAW_STRUCT:
            file = GuestMemfdFile(int(call["v"][0]), int(call["v"][1]), Certainty.SEEN)
            memfd = GuestMemfd(int(call["ret"]), int(call["v"][0]), int(call["v"][1]), t)
            self._sink.add_guest_memfd(vm.sink_id, memfd)
        vm.files.append(file)
        self._vms.open(int(call["tid"]), int(call["ret"]), file, t)

    def _replace(self, vm: LiveVm, caller: Caller, created_t: int, now: int) -> LiveVm:
        """A new VM has taken over the name of `vm`."""
        self._vms.end(vm, created_t, is_inferred=True)
        certainty = Certainty.UNKNOWN if vm.lost_something else Certainty.INFERRED
        t = None if vm.lost_something else created_t
        return self._vms.create(caller, t, certainty, None, now)

    def _set_region(self, call: np.void, row: EventArray) -> None:
        """A memslot call that succeeded, with its arguments."""
        region = region_of(call)
        if is_internal(region):
            return
        caller, t = _caller(call), self._t(int(call["ts_exit"]))
        vm = self._vms.find_or_create(caller, t)
        if self._vms.is_unattributed(vm):
            self._append(vm, row)
            return
        if self._proves_new_vm(vm, region):
            vm = self._replace(vm, caller, self._t(int(call["ts_enter"])), t)
        self._append(vm, row)
        change = vm.layout.apply(region, self._guest_memfd_of(vm, caller.tid, region), t)
        for as_id, slot in change.deleted:
            self._sink.delete_memslot(vm.sink_id, as_id, slot, t)
        if change.memslot is not None:
            self._sink.set_memslot(vm.sink_id, change.memslot)

    def _proves_new_vm(self, vm: LiveVm, region: Region) -> bool:
        if self._sees_creation or vm.lost_something or not vm.layout.is_complete:
            return False
        return vm.layout.would_refuse(region)

    def _guest_memfd_of(self, vm: LiveVm, tid: int, region: Region) -> GuestMemfdFile | None:
        """The file behind a slot; one whose creation was not seen is made known here.

        KVM binds only guest_memfds made for the same VM, so an unknown fd is a duplicate of one
        of them: if they are all alike, so is it.
        """
        if not region.uses_guest_memfd or region.size == 0:
            return None
        fd = -1 if region.guest_memfd is None else region.guest_memfd
        file = self._vms.file(tid, fd)
        if isinstance(file, GuestMemfdFile):
            self._settle(vm, file)
            return file
        seen = [f for f in vm.files if f.flags_certainty == Certainty.SEEN]
        kinds = {known.flags for known in seen}
        flags = kinds.pop() if len(kinds) == 1 and vm.layout.is_complete else None
        file = GuestMemfdFile(flags=flags, flags_certainty=Certainty.INFERRED)
        vm.files.append(file)
        if fd >= 0:
            self._vms.open(tid, fd, file, vm.last_t)
        return file

    def _settle(self, vm: LiveVm, file: GuestMemfdFile) -> None:
        """A guest_memfd is bound to the VM that it was made for, and to no other."""
        if file.stray is not None:
            self._sink.add_guest_memfd(vm.sink_id, file.stray)
            vm.files.append(file)
            file.stray = None

    def _loss(self, call: np.void, row: EventArray) -> None:
        begins = call["code"] == CallCode.LOSS_BEGIN
        if begins:
            self._vms.forget_hints()
        else:
            count, t = int(call["v"][0]), self._t(int(call["ts_exit"]))
            began = self._t(int(call["v"][1]))
            cpu = None if call["cpu"] == UNKNOWN_CPU else int(call["cpu"])
            self._sink.add_loss(Loss(began, t, count or None, cpu, self._source))
            self.lost_events += count
        self._open_gaps = max(0, self._open_gaps + (1 if begins else -1))
        self._vms.is_losing = self._open_gaps > 0
        for vm in list(self._vms.live()):
            vm.lost_something = True
            self._append(vm, row.copy())


def _cuts(calls: CallArray) -> npt.NDArray[np.bool_]:
    """The calls that change who is who or what is mapped; their failures change nothing."""
    code = calls["code"]
    is_creation = np.isin(
        code, (CallCode.CREATE_VM, CallCode.CREATE_VCPU, CallCode.CREATE_GUEST_MEMFD)
    )
    made = (calls["flags"] & SAW_EXIT != 0) & (calls["ret"] >= 0)
    others = ~_FLOOD[code] & ~is_creation & (code != CallCode.SET_REGION)
    result: npt.NDArray[np.bool_] = others | (is_creation & made) | changes_layout(calls)
    return result


def _caller(call: np.void) -> Caller:
    return Caller(int(call["tid"]), int(call["fd"]), int(call["kvm"]))
