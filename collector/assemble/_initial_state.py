"""What was found on the host goes into the recording: VMs that nobody saw come about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray, RunArray
from app.model.guest import (
    GFN_LIMIT,
    GUEST_MEMFD_FLAG_MMAP,
    KVM_MEM_GUEST_MEMFD,
    PAGE_SHIFT,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Backing,
    Certainty,
    EventKind,
    GuestMemfd,
    Memslot,
    To,
    backing_of,
)
from app.store.protocol import RecordingSink
from collector.assemble.identity import Append, Caller, LiveVm, Processes, Vcpu, Vms
from collector.assemble.memslots import GuestMemfdFile
from collector.vm_inventory import (
    FoundMemfd,
    FoundMemslot,
    FoundPopulation,
    FoundStrays,
    FoundVm,
    Inventory,
    VmmFacts,
)

Placed = tuple[int, int, int]
"""gfn, npages, how many of the pages exist."""


def state_rows(private: RunArray, t: int, *, has_memslots: bool) -> EventArray:
    """STATE_READ for the private runs, in gfn order, and for all that lies between them.

    A VM without memslots shows what was named, so that only the private pages are named there.
    """
    ends = private["gfn"] + private["npages"]
    edge = np.array([0], dtype=np.uint64)
    first = np.concatenate((edge, ends))
    last = np.concatenate((private["gfn"], np.array([GFN_LIMIT], dtype=np.uint64)))
    gaps = first < last
    if not has_memslots:
        gaps[:] = False
    rows = _rows(EventKind.STATE_READ, t, len(private) + int(gaps.sum()))
    rows["gfn"] = np.concatenate((private["gfn"], first[gaps]))
    rows["npages"] = np.concatenate((private["npages"], (last - first)[gaps]))
    rows["to"][: len(private)] = private["state"]
    rows["to"][len(private) :] = To.SHARED
    rows["range_certainty"] = Certainty.SEEN
    return rows[np.argsort(rows["gfn"])]


def population_rows(
    counted: Sequence[FoundPopulation], slots: Sequence[Memslot], t: int
) -> EventArray:
    """POPULATION of a guest_memfd, in the guest pages of the slots bound to it.

    A count that does not fall into one slot as a whole is known for the file only: what such
    ranges hold is one row without a range; so is all of a file that no known slot uses.
    """
    placed: list[Placed] = []
    unplaced = 0
    for one in counted:
        pieces = list(_pieces(one, slots))
        placed += pieces
        unplaced += one.populated - sum(exist for _, _, exist in pieces)
    has_rest = unplaced > 0 or (len(counted) > 0 and not placed)
    rows = _rows(EventKind.POPULATION, t, len(placed) + has_rest)
    known = _columns(placed)
    for name, column in zip(("gfn", "npages", "aux"), known.T, strict=True):
        rows[name][: len(placed)] = column
    rows["range_certainty"][: len(placed)] = Certainty.SEEN
    rows["aux"][len(placed) :] = unplaced
    return rows


def _columns(placed: list[Placed]) -> npt.NDArray[np.uint64]:
    return np.array(placed, dtype=np.uint64).reshape(-1, 3)


def _pieces(one: FoundPopulation, slots: Sequence[Memslot]) -> Iterable[Placed]:
    first, end = one.offset >> PAGE_SHIFT, (one.offset >> PAGE_SHIFT) + one.npages
    is_uniform = one.populated in (0, one.npages)
    for slot in slots:
        begin = (slot.guest_memfd_offset or 0) >> PAGE_SHIFT
        low, high = max(first, begin), min(end, begin + slot.npages)
        if low >= high or not (is_uniform or high - low == one.npages):
            continue
        exist = one.populated if high - low == one.npages else min(one.populated, high - low)
        yield slot.base_gfn + low - begin, high - low, exist


def _rows(kind: EventKind, t: int, count: int) -> EventArray:
    rows = np.zeros(count, dtype=EVENT)
    rows["kind"], rows["t"], rows["to"] = kind, t, To.UNKNOWN
    rows["latency_ns"], rows["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
    return rows


class InitialState:
    """Adds to the VMs of a recording what was found at one instant.

    What calls recorded already is newer or more exact, and stays.
    """

    def __init__(self, sink: RecordingSink, vms: Vms, processes: Processes, append: Append) -> None:
        self._sink = sink
        self._vms = vms
        self._processes = processes
        self._append = append

    def add(self, found: Inventory, t: int) -> None:
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
