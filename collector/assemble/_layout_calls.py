"""Calls that change what is mapped: memslots and guest_memfds."""

import numpy as np

from app.model.events import EventArray
from app.model.guest import Certainty, GuestMemfd
from app.store.protocol import RecordingSink
from collector.assemble.identity import (
    Append,
    Caller,
    Finder,
    LiveVm,
    Vms,
    caller_of,
    is_internal,
    is_new_vm,
    region_of,
)
from collector.assemble.memslots import GuestMemfdFile, Inode, InodeOf, Region, state_where_bound
from collector.codes import SAW_GMEM, SAW_STRUCT
from collector.records import CallArray


class LayoutCalls:
    """Carries them out, one by one. `t` is when a call returned, `entered` when it was entered."""

    def __init__(
        self,
        sink: RecordingSink,
        vms: Vms,
        append: Append,
        inode_of: InodeOf | None,
        *,
        sees_creation: bool,
    ) -> None:
        self._sink = sink
        self._vms = vms
        self._finder = Finder(vms)
        self._append = append
        self._inode_of = inode_of
        self._sees_creation = sees_creation

    def create_guest_memfd(
        self,
        call: np.void,
        row: EventArray,
        t: int,
        later: CallArray,
        *,
        entered: int,
        decided: bool,
    ) -> bool:
        """False: whose it is depends on calls not given yet."""
        caller = caller_of(call)
        vm = self._finder.find_or_create(caller, t)
        if caller.fd < 0 and vm.layout.slots and not self._sees_creation:
            # Only a pointer names the VM, and memory is reused: a VM that starts with a
            # guest_memfd may be another one at the same address.
            is_new = is_new_vm(vm, later[later["kvm"] == np.uint64(caller.kvm)])
            if is_new is None and not decided:
                return False
            if is_new:
                vm = self._replace(vm, caller, entered, t)
        self._append(vm, row)
        if not self._vms.known.is_unattributed(vm) and self._finder.is_certain(caller, vm):
            self._open_guest_memfd(vm, call, t)
        return True

    def _open_guest_memfd(self, vm: LiveVm, call: np.void, t: int) -> None:
        fd, inode = int(call["ret"]), self._inode(call)
        file = GuestMemfdFile(inode=inode)
        if call["flags"] & SAW_STRUCT:
            size, flags = int(call["v"][0]), int(call["v"][1])
            file = GuestMemfdFile(size, flags, Certainty.SEEN, inode)
            dev, ino = (None, None) if inode is None else inode
            self._sink.add_guest_memfd(vm.sink_id, GuestMemfd(fd, size, flags, t, dev, ino))
        vm.files.append(file)
        self._vms.open(int(call["tid"]), fd, file, t)

    def _inode(self, call: np.void) -> Inode | None:
        if self._inode_of is None:
            return None
        return self._inode_of(self._vms.owner(int(call["tid"])), int(call["ret"]))

    def _replace(self, vm: LiveVm, caller: Caller, created_t: int, now: int) -> LiveVm:
        """A new VM has taken over the name of `vm`."""
        self._vms.end(vm, created_t, is_inferred=True)
        certainty = Certainty.UNKNOWN if vm.lost_something else Certainty.INFERRED
        t = None if vm.lost_something else created_t
        return self._vms.create(caller, t, certainty, None, now)

    def set_region(self, call: np.void, row: EventArray, t: int, *, entered: int) -> None:
        """A memslot call that succeeded, with its arguments."""
        region = region_of(call)
        if is_internal(region):
            return
        caller = caller_of(call)
        vm = self._finder.find_or_create(caller, t)
        if self._vms.known.is_unattributed(vm) or not self._finder.is_certain(caller, vm):
            self._append(vm, row)  # whose memslot it is is not known
            return
        if self._proves_new_vm(vm, region):
            vm = self._replace(vm, caller, entered, t)
        if region.uses_guest_memfd and not call["flags"] & SAW_GMEM:
            vm.regions_are_gpas = True  # KVM_MEM_PRIVATE of the 2022 private-memory series
        self._append(vm, row)
        file = self._guest_memfd_of(vm, caller.tid, region)
        change = vm.layout.apply(region, file, t)
        for as_id, slot in change.deleted:
            self._sink.delete_memslot(vm.sink_id, as_id, slot, t)
        if change.memslot is not None:
            self._sink.set_memslot(vm.sink_id, change.memslot)
            if file is not None and file.holds_attributes:
                self._append(vm, state_where_bound(file, change.memslot, t))

    def _proves_new_vm(self, vm: LiveVm, region: Region) -> bool:
        if self._sees_creation or vm.lost_something or not vm.layout.is_complete:
            return False
        if self._vms.only is not None:
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
