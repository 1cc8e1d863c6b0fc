"""A recording is gone on with: between its end and the first instant that is recorded again,
nothing is known of the VMs that it had."""

from collections.abc import Iterator, Mapping

import numpy as np

from app.model.guest import Certainty, EventKind, GuestMemfd, Memslot, Source
from app.store.protocol import Loss, RecordingSink, StoredRecording, StoredVm
from collector.assemble.floods import loss_rows
from collector.assemble.identity import LiveVm, Processes, Vcpu, Vms
from collector.assemble.memslots import GuestMemfdFile, Inode
from collector.vm_inventory import FoundMemslot, FoundVm


class GoingOn:
    def __init__(self, sink: RecordingSink, vms: Vms, processes: Processes) -> None:
        self._sink = sink
        self._vms = vms
        self._processes = processes

    def take(self, past: StoredRecording, found: tuple[FoundVm, ...], t: int) -> None:
        """`found`: what may be VMs of the past, so none after another boot; `t`: from when on calls
        are given."""
        loss = Loss(past.complete_t, t, None, None, Source.NOT_RECORDING)
        self._sink.add_loss(loss)
        for stored in past.vms:
            one = _found_again(stored, found)
            if one is None and not stored.identity.is_unattributed:
                ended_t = max(past.complete_t, stored.last_t + 1)
                self._sink.end_vm(stored.vm_id, ended_t, is_inferred=True)
                self._sink.forget_vm(stored.vm_id)
                continue
            self._lose(stored, past.complete_t, t)
            vm = self._vms.known.take_up(stored.vm_id, stored.identity, stored.identity.pid)
            vm.last_t = t
            if one is not None:
                self._name(vm, one, t)
                self._memory(vm, stored, one, t)

    def _lose(self, stored: StoredVm, from_t: int, to_t: int) -> None:
        """With the gap ends whatever was being lost when it began."""
        begin = np.array([max(from_t, stored.last_t)])
        self._sink.append(stored.vm_id, loss_rows(begin))
        ends = np.full(1 + stored.open_losses, to_t)
        self._sink.append(stored.vm_id, loss_rows(ends, EventKind.LOSS_END))

    def _name(self, vm: LiveVm, found: FoundVm, t: int) -> None:
        """By all that names it now."""
        pid = found.process.pid
        self._processes.learn(pid, pid)
        for fd in found.fds:
            self._vms.open(pid, fd, vm, t)
        for fd, vcpu_id in found.vcpus.items():
            self._vms.open(pid, fd, Vcpu(vm, vcpu_id), t)
        for tid, vcpu_id in (found.threads or {}).items():
            self._processes.learn(tid, pid)
            self._vms.runs(tid, Vcpu(vm, vcpu_id))
        self._vms.know_pointer(vm)

    def _memory(self, vm: LiveVm, stored: StoredVm, found: FoundVm, t: int) -> None:
        fds_of = {(memfd.dev, memfd.ino): memfd.fds for memfd in found.memfds}
        by_fd: dict[int, GuestMemfdFile] = {}
        for memfd in stored.guest_memfds:
            file = by_fd[memfd.fd] = _file_of(memfd)
            for fd in _open_as(file.inode, fds_of):
                self._vms.open(found.process.pid, fd, file, t)
        for memslot in stored.memslots:
            if _is_there(memslot, found):
                of_memfd = memslot.guest_memfd
                vm.layout.put(memslot, None if of_memfd is None else by_fd.get(of_memfd))
            else:
                self._sink.delete_memslot(stored.vm_id, memslot.as_id, memslot.slot, t)
        vm.files = list(_in_use(vm, by_fd, fds_of))


def _found_again(stored: StoredVm, found: tuple[FoundVm, ...]) -> FoundVm | None:
    """The same VM of the same process; a pid alone may be used again."""
    known = stored.identity
    for one in found:
        process = known.pid, known.process_start_ns
        is_same = process == (one.process.pid, one.process.start_ns) and known.vm_fd in one.fds
        pointers = {known.kvm_pointer, one.kvm_pointer} - {None}
        if is_same and len(pointers) < 2:
            return one
    return None


def _is_there(memslot: Memslot, found: FoundVm) -> bool:
    """As after any loss, a memslot is there unless something contradicts it."""
    if any(_is_same(memslot, one) for one in found.memslots):
        return True
    return not found.memslots_are_complete and not any(
        _excludes(one, memslot) for one in found.memslots
    )


def _is_same(memslot: Memslot, found: FoundMemslot) -> bool:
    where = memslot.as_id, memslot.base_gfn, memslot.npages
    if where != (found.as_id, found.base_gfn, found.npages):
        return False
    has_its_id = found.slot is None or memslot.slot < 0 or found.slot == memslot.slot
    addresses = {found.userspace_addr, memslot.userspace_addr} - {None}
    return has_its_id and len(addresses) < 2


def _excludes(found: FoundMemslot, memslot: Memslot) -> bool:
    """Whether both cannot be there at once."""
    if found.as_id != memslot.as_id:
        return False
    meets = found.base_gfn < memslot.end_gfn and memslot.base_gfn < found.base_gfn + found.npages
    return meets or found.slot == memslot.slot


def _in_use(
    vm: LiveVm, by_fd: Mapping[int, GuestMemfdFile], fds_of: Mapping[Inode, tuple[int, ...]]
) -> Iterator[GuestMemfdFile]:
    """The files that a memslot shows or a descriptor names."""
    for file in by_fd.values():
        if vm.layout.binds(file) or _open_as(file.inode, fds_of):
            yield file


def _open_as(inode: Inode | None, fds_of: Mapping[Inode, tuple[int, ...]]) -> tuple[int, ...]:
    return () if inode is None else fds_of.get(inode, ())


def _file_of(memfd: GuestMemfd) -> GuestMemfdFile:
    """Events were lost since it was open."""
    return GuestMemfdFile(
        size=memfd.size,
        flags=memfd.flags,
        flags_certainty=Certainty.UNKNOWN if memfd.flags is None else Certainty.SEEN,
        inode=None if memfd.dev is None or memfd.ino is None else (memfd.dev, memfd.ino),
        lost_something=True,
    )
