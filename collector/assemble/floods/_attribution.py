"""Which VM each row of a flood belongs to, and which guest pages it means there."""

from collections.abc import Iterator

import numpy as np

from app.compiled import whole
from app.model.events import EventArray
from app.model.guest import UNKNOWN_VCPU, Cause, Certainty, EventKind, Outcome
from collector.assemble.floods._doubts import doubted, lodgers_doubted
from collector.assemble.floods._file_ranges import PAGE_CACHE, FileRanges, Placed
from collector.assemble.floods._groups import Groups, IndexArray, group
from collector.assemble.floods._hva_ranges import REGIONS, Mask, Unmaps, place_regions
from collector.assemble.identity import Caller, Finder, LiveVm, Processes, Vcpu, Vms
from collector.assemble.memslots import Extra, keys_after, keys_of
from collector.codes import SAW_EXIT, CallCode
from collector.kvm.catalogue import VmBy
from collector.records import CallArray, signed32

EBADF = 9
DROPPED = -1
"""In place of an index into the VMs: the row is no event of a guest."""
NOBODY = -2
"""In place of an index: of no VM that is there."""


class Attribution:
    """Gives the rows of a flood to their VMs. Between two rare calls nothing else changes."""

    def __init__(self, vms: Vms, processes: Processes) -> None:
        self.files = FileRanges(vms)
        self._unmaps = Unmaps(vms, processes)
        self._vms = vms
        self._finder = Finder(vms)
        self._processes = processes
        self._found: list[LiveVm] = []
        self._extras: list[tuple[LiveVm, Extra]] = []
        self._lodged: list[tuple[LiveVm, Mask]] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """For people: what was left out, and why."""
        left_out = (
            (
                self.files.strange_calls,
                "calls of fallocate, on files that are no guest_memfds as "
                "far as the recording shows",
            ),
            (self.files.strange_pages, "pages of the page cache, of no guest_memfd that is known"),
            (self._unmaps.strange, "unmapped ranges of VMMs, which met no memslot that is known"),
        )
        return tuple(f"Left out: {count:,} {what}." for count, what in left_out if count)

    def events_by_vm(
        self, calls: CallArray, rows: EventArray
    ) -> Iterator[tuple[LiveVm, EventArray]]:
        """The events of each VM, in order. Rows that are none of a guest's are dropped."""
        self._found, self._extras, self._lodged = [], [], []
        groups = group(calls)
        self._learn_processes(calls, groups)
        owner = self._owners(calls, rows, groups)
        self._own(owner, self.files.place(calls, rows, groups))
        counts = np.bincount(calls["code"], minlength=256)
        if counts[list(PAGE_CACHE)].any():
            self._own(owner, self.files.place_pages(calls, rows))
        if counts[list(REGIONS)].any():
            self._place_regions(calls, rows, owner)
        if counts[CallCode.UNMAP]:
            self._extras += self._unmaps.place(calls, rows)
        self._extras += self._doubts(calls, rows, owner)
        rows, owner = self._with_extras(rows, owner)
        for index, vm in enumerate(self._found):
            mine = owner == index
            if mine.any():
                events = rows if mine.all() else np.compress(mine, rows)
                _name_vcpus(vm, events)
                _settle_causes(vm, events)
                yield vm, events

    def _index(self, vm: LiveVm) -> int:
        for index, known in enumerate(self._found):
            if known is vm:
                return index
        self._found.append(vm)
        return len(self._found) - 1

    def _owners(self, calls: CallArray, rows: EventArray, groups: Groups) -> IndexArray:
        """Of VM ioctls and of what vCPUs do; the others are dropped so far."""
        target = np.full(len(groups.first) + 1, DROPPED, dtype=np.int64)  # the last: of no group
        vcpu_of = np.full(len(groups.first) + 1, UNKNOWN_VCPU, dtype=np.int16)
        for g in groups.numbers(VmBy.VM_IOCTL):
            t, caller = int(rows["t"][groups.first[g]]), groups.callers[g]
            vm = self._vm_of(caller, t, groups.was_accepted[g])
            target[g] = self._index(vm)
            if not self._finder.is_certain(caller, vm):
                self._lodged.append((vm, groups.of == g))
        for g in groups.numbers(VmBy.VCPU):  # whose threads those may have made known
            target[g], vcpu_of[g] = self._of_vcpu(groups.callers[g])
        if (vcpu_of != UNKNOWN_VCPU).any():
            unknown = rows["vcpu"] == UNKNOWN_VCPU
            rows["vcpu"][unknown] = vcpu_of[groups.of[unknown]]
        owner: IndexArray = target[groups.of]
        self._disown_aliens(calls, groups, owner)
        return owner

    def _disown_aliens(self, calls: CallArray, groups: Groups, owner: IndexArray) -> None:
        """The fd that a VM ioctl was tried on was none then."""
        ioctls = groups.numbers(VmBy.VM_IOCTL)
        is_alien = (calls["ret"] == -EBADF) & (calls["flags"] & SAW_EXIT != 0)
        if is_alien.any():
            is_alien &= np.isin(groups.of, ioctls)
        if is_alien.any():
            owner[is_alien] = self._index(self._vms.known.unattributed)

    def _vm_of(self, caller: Caller, t: int, was_accepted: bool) -> LiveVm:
        if was_accepted or caller.kvm:
            return self._finder.find_or_create(caller, t, was_accepted=was_accepted)
        return self._finder.find(caller) or self._vms.known.unattributed

    def _of_vcpu(self, caller: Caller) -> tuple[int, int]:
        """Its VM, and its number if its fd is known."""
        tid, fd = caller.tid, caller.fd
        file = self._vms.file(tid, fd) if fd >= 0 else None
        vm = self._finder.of_thread(tid, fd) or self._vms.known.unattributed
        if not isinstance(file, Vcpu):
            return self._index(vm), UNKNOWN_VCPU
        self._vms.runs(tid, file)  # known no longer, perhaps, since events were lost
        return self._index(vm), file.vcpu_id

    def _learn_processes(self, calls: CallArray, groups: Groups) -> None:
        for caller, process in zip(groups.callers, groups.processes, strict=True):
            if process:
                self._processes.learn(caller.tid, process)
        unmaps = calls[calls["code"] == CallCode.UNMAP]
        for tid, process in set(zip(unmaps["tid"].tolist(), unmaps["tgid"].tolist(), strict=True)):
            if process:
                self._processes.learn(tid, process)

    def _own(self, owner: IndexArray, found: Placed) -> None:
        """Take in what was found of files."""
        owned, extras = found
        for vm, members in owned:
            if len(members):
                owner[members] = self._index(vm or self._vms.known.unattributed)
        self._extras += extras

    def _place_regions(self, calls: CallArray, rows: EventArray, owner: IndexArray) -> None:
        which = np.flatnonzero(np.isin(calls["code"], REGIONS))
        for index in np.unique(owner[which]).tolist():
            vm = self._found[index]
            mine = which[owner[which] == index]
            for replaced, extra in place_regions(vm, mine, calls, rows):
                owner[replaced] = DROPPED
                self._extras.append((vm, extra))

    def _doubts(
        self, calls: CallArray, rows: EventArray, owner: IndexArray
    ) -> Iterator[tuple[LiveVm, Extra]]:
        """What may have converted pages of other VMs than those that it is taken to be of."""
        happened = (rows["kind"] == EventKind.CONVERSION) & (rows["outcome"] != Outcome.FAILED)
        if not happened.any():
            return
        yield from self._strays_doubted(calls, rows, happened & (owner == self._stray_index()))
        for vm, members in self._lodged:
            for extra in lodgers_doubted(rows, members & happened):
                yield vm, extra
        for vm, extra in list(self._extras):
            is_one = extra.rows["kind"] == EventKind.CONVERSION
            for rival in self._vms.rivals.of(vm) if is_one.any() else ():
                yield rival, Extra(extra.keys[is_one], doubted(extra.rows[is_one]))
        for index, vm in enumerate(self._found.copy()):
            for rival in self._vms.rivals.of(vm):
                which = np.flatnonzero(happened & (owner == index))
                yield rival, Extra(keys_after(which), doubted(rows[which]))

    def _stray_index(self) -> int:
        stray = self._vms.known.unattributed_if_any
        return NOBODY if stray is None else self._index(stray)

    def _strays_doubted(
        self, calls: CallArray, rows: EventArray, stray: Mask
    ) -> Iterator[tuple[LiveVm, Extra]]:
        """Of conversions that are of one of several VMs, it is not known which."""
        which = np.flatnonzero(stray)
        on_files = calls["code"][which] == CallCode.SET_ATTRIBUTES2
        fds = np.where(on_files, -1, calls["fd"][which]).astype(np.int64)
        threads = calls["tid"][which].astype(np.int64) << 32 | fds & 0xFFFFFFFF
        for one in np.unique(threads).tolist():
            of_thread = which[threads == one]
            caller = Caller(one >> 32, signed32(one), 0)
            for vm in self._vms.rivals.candidates(caller):
                self._vms.known.doubt(vm)
                yield vm, Extra(keys_after(of_thread), doubted(rows[of_thread]))

    def _with_extras(self, rows: EventArray, owner: IndexArray) -> tuple[EventArray, IndexArray]:
        """Put the further rows where they belong."""
        if not self._extras:
            return rows, owner
        keys = [keys_of(np.arange(len(rows))), *(extra.keys for _, extra in self._extras)]
        all_rows = [rows, *(extra.rows for _, extra in self._extras)]
        owners = [
            owner,
            *(np.full(len(extra.rows), self._index(vm)) for vm, extra in self._extras),
        ]
        order = np.argsort(np.concatenate(keys), kind="stable")
        joined = np.concatenate([whole(some) for some in all_rows])[order]
        return joined.view(rows.dtype), np.concatenate(owners)[order]


def _name_vcpus(vm: LiveVm, events: EventArray) -> None:
    """Threads that are known to run a vCPU do so in whatever they do."""
    if not vm.vcpu_of_thread:
        return
    unknown = np.flatnonzero(events["vcpu"] == UNKNOWN_VCPU)
    tids = np.array(sorted(vm.vcpu_of_thread), dtype=np.int32)
    place = np.minimum(np.searchsorted(tids, events["tid"][unknown]), len(tids) - 1)
    is_known = tids[place] == events["tid"][unknown]
    vcpus = np.array([vm.vcpu_of_thread[tid] for tid in tids.tolist()], dtype=np.int16)
    events["vcpu"][unknown[is_known]] = vcpus[place[is_known]]


def _settle_causes(vm: LiveVm, events: EventArray) -> None:
    """Of a VM that came to be within the recording no request can have been missed before it."""
    if vm.identity.created_t is None or vm.lost_something:
        return
    is_vmm = events["cause"] == Cause.VMM
    events["cause_certainty"][is_vmm] = Certainty.SEEN
