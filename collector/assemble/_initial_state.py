"""What was found on the host goes into the recording: VMs that nobody saw come about."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from app.model.events import EventArray
from app.model.guest import (
    GUEST_MEMFD_FLAG_MMAP,
    KVM_MEM_GUEST_MEMFD,
    Backing,
    Certainty,
    GuestMemfd,
    Memslot,
    backing_of,
)
from app.store.protocol import RecordingSink
from collector.assemble._initial_rows import population_rows, state_rows
from collector.assemble.identity import Append, Caller, LiveVm, Processes, Vcpu, Vms
from collector.assemble.memslots import GuestMemfdFile
from collector.vm_inventory import Found, FoundMemfd, FoundMemslot, FoundStrays, FoundVm, VmmFacts


class FoundTaker:
    """Adds to the VMs of a recording what was found at one instant.

    What calls recorded already is newer or more exact, and stays.
    """

    def __init__(self, sink: RecordingSink, vms: Vms, processes: Processes, append: Append) -> None:
        self._sink = sink
        self._vms = vms
        self._processes = processes
        self._append = append

    def take(self, found: Found, t: int) -> None:
        """`t` is the instant at which all of it was so, ns since the recording's start."""
        with_strays = {strays.process.pid for strays in found.strays}
        for one in found.vms:
            self._take_vm(one, t, has_strays=one.process.pid in with_strays)
        for strays in found.strays:
            self._take_strays(strays, t)

    def _take_vm(self, one: FoundVm, t: int, *, has_strays: bool) -> None:
        vm = self._known(one) or self._create(one, t)
        t = max(t, vm.last_t)
        self._complete(vm, one.process)
        pid = one.process.pid
        for fd in one.fds:
            if fd not in vm.fds:
                self._vms.open(pid, fd, vm, t)
        for fd, vcpu_id in one.vcpus.items():
            if not isinstance(self._vms.file(pid, fd), Vcpu):
                self._vms.open(pid, fd, Vcpu(vm, vcpu_id), t)
        for tid, vcpu_id in (one.threads or {}).items():
            self._processes.learn(tid, pid)
            self._vms.runs(tid, Vcpu(vm, vcpu_id))
        files = {memfd.ino: self._memfd(vm, pid, memfd, t) for memfd in one.memfds}
        self._memslots(vm, one, files, t, may_use_memfds=bool(vm.files) or has_strays)
        self._events(vm, one, files, t)

    def _known(self, one: FoundVm) -> LiveVm | None:
        """The VM, if calls made it known."""
        self._processes.learn(one.process.pid, one.process.pid)
        files = (self._vms.file(one.process.pid, fd) for fd in one.fds)
        return next((file for file in files if isinstance(file, LiveVm)), None)

    def _create(self, one: FoundVm, t: int) -> LiveVm:
        caller = Caller(one.process.pid, one.fds[0] if one.fds else -1, one.kvm_pointer or 0)
        vm = self._vms.create(caller, None, Certainty.UNKNOWN, one.vm_type, t)
        self._vms.thread_exited(caller.tid)  # no call showed that its main thread means this VM
        vm.layout.is_complete = one.memslots_are_complete
        return vm

    def _complete(self, vm: LiveVm, facts: VmmFacts) -> None:
        """Note whose VM it is, where that was not known."""
        known = vm.identity
        is_nameless = known.process_start_ns is None
        identity = replace(
            known,
            name=facts.name or (facts.command if is_nameless else known.name),
            process_start_ns=facts.start_ns,
            uuid=facts.uuid or known.uuid,
        )
        if identity != known:
            self._vms.known.identify(vm, identity)

    def _memfd(self, vm: LiveVm, pid: int, memfd: FoundMemfd, t: int) -> GuestMemfdFile:
        """The file of the assembler's, open under all its numbers."""
        files = (self._vms.file(pid, fd) for fd in memfd.fds)
        file = next((f for f in files if isinstance(f, GuestMemfdFile)), None)
        if file is None:
            file = _file_of(memfd)
            vm.files.append(file)
            self._sink.add_guest_memfd(vm.sink_id, row_of(memfd))
        self._open_all(pid, memfd.fds, file, t)
        self._vms.files.know_inode(file, (memfd.dev, memfd.ino))
        return file

    def _open_all(self, pid: int, fds: Iterable[int], file: GuestMemfdFile, t: int) -> None:
        for fd in fds:
            if self._vms.file(pid, fd) is not file:
                self._vms.open(pid, fd, file, t)

    def _take_strays(self, strays: FoundStrays, t: int) -> None:
        """A guest_memfd of one of several VMs is open; it becomes one's when it is bound."""
        pid = strays.process.pid
        for memfd in strays.memfds:
            if not any(isinstance(self._vms.file(pid, fd), GuestMemfdFile) for fd in memfd.fds):
                self._open_all(pid, memfd.fds, _file_of(memfd, stray=row_of(memfd)), t)

    def _memslots(
        self,
        vm: LiveVm,
        one: FoundVm,
        files: Mapping[int, GuestMemfdFile],
        t: int,
        *,
        may_use_memfds: bool,
    ) -> None:
        if vm.layout.is_complete and vm.identity.created_certainty != Certainty.UNKNOWN:
            return  # every call that made a slot was seen
        fds = {memfd.ino: memfd.fds[0] for memfd in one.memfds}
        for found in one.memslots:
            if vm.layout.meets(found.as_id, found.base_gfn, found.npages):
                continue
            if (found.as_id, found.slot) in vm.layout.slots:
                continue
            file = None if found.memfd_ino is None else files.get(found.memfd_ino)
            backing, certainty = _backing(found, file, may_use_memfds)
            memslot = Memslot(
                slot=vm.layout.unnamed_id() if found.slot is None else found.slot,
                base_gfn=found.base_gfn,
                npages=found.npages,
                flags=found.flags,
                backing=backing,
                backing_certainty=certainty,
                userspace_addr=found.userspace_addr,
                guest_memfd=None if found.memfd_ino is None else fds.get(found.memfd_ino),
                guest_memfd_offset=found.memfd_offset,
                as_id=found.as_id,
                from_t=t,
            )
            vm.layout.put(memslot, file)
            self._sink.set_memslot(vm.sink_id, memslot)

    def _events(
        self, vm: LiveVm, one: FoundVm, files: Mapping[int, GuestMemfdFile], t: int
    ) -> None:
        for rows in self._rows(vm, one, files, t):
            if len(rows):
                self._append(vm, rows)

    def _rows(
        self, vm: LiveVm, one: FoundVm, files: Mapping[int, GuestMemfdFile], t: int
    ) -> Iterator[EventArray]:
        if one.attributes is not None:
            yield state_rows(one.attributes, t, has_memslots=bool(vm.layout.slots))
        for memfd in one.memfds:
            yield population_rows(memfd.population, vm.layout.bound_to(files[memfd.ino]), t)


def row_of(memfd: FoundMemfd) -> GuestMemfd:
    """Its row in the recording; when it was created is not known."""
    return GuestMemfd(memfd.fds[0], memfd.size, memfd.flags, None, memfd.dev, memfd.ino)


def _file_of(memfd: FoundMemfd, stray: GuestMemfd | None = None) -> GuestMemfdFile:
    """Of the flags of its creation only that which decides the backing may be known."""
    flags = memfd.flags
    if flags is None and memfd.can_be_mapped is not None:
        flags = GUEST_MEMFD_FLAG_MMAP if memfd.can_be_mapped else 0
    certainty = Certainty.UNKNOWN if flags is None else Certainty.SEEN
    inode = memfd.dev, memfd.ino
    return GuestMemfdFile(memfd.size, flags, certainty, inode, stray=stray)


def _backing(
    found: FoundMemslot, file: GuestMemfdFile | None, may_use_memfds: bool
) -> tuple[Backing, Certainty]:
    """What backs a slot, and how sure that is.

    Where flags are not known: a VMM without guest_memfds cannot use any; else it may be one or the
    other, so its pages may be private.
    """
    if found.flags is None:
        if may_use_memfds:
            return Backing.MIXED, Certainty.UNKNOWN
        return Backing.HVA, Certainty.INFERRED
    if not found.flags & KVM_MEM_GUEST_MEMFD:
        return Backing.HVA, Certainty.SEEN
    if file is None:
        return Backing.MIXED, Certainty.INFERRED
    return backing_of(found.flags, file.flags), max(file.flags_certainty, Certainty.INFERRED)
