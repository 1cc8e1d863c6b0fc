"""Which VM a call belongs to: by struct kvm *, by process and fd, or by elimination."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from app.model.events import UNKNOWN_VCPU, Certainty, PageState
from app.model.layout import VmIdentity
from app.store.protocol import RecordingSink
from collector.assemble.hva_dialects import REGIONS_CONVERT, REGIONS_PIN
from collector.assemble.live_vm import UNATTRIBUTED, Caller, LiveVm, OpenFile, Vcpu
from collector.assemble.memslots import GuestMemfdFile, Inode, LiveMemslots
from collector.assemble.names import Names
from collector.assemble.processes import Processes
from collector.host.found import VmmFacts

VmmOf = Callable[[int], VmmFacts | None]
"""Tells what a process is, while it lives; None if it is gone."""

KERNEL_MINOR_BITS = 20
"""MINORBITS (include/linux/kdev_t.h): stat(2) tells devices otherwise than kernel events do."""

ONLY_PROCESS = 0
"""In place of a pid: that of the only VM of a recording."""

InodeOf = Callable[[int, int], Inode | None]
"""Tells which guest_memfd a process has open under an fd; None if it is gone."""


class Vms:
    """All VMs of a recording: creates them in the sink, follows their fds, ends them."""

    def __init__(
        self,
        sink: RecordingSink,
        processes: Processes,
        command_names: Mapping[int, str],
        vmm_of: VmmOf | None = None,
        only: VmIdentity | None = None,
    ) -> None:
        """`only`: the recording is of this VM alone, and everything in it is of it."""
        self._sink = sink
        self._vmm_of = vmm_of
        self._vmms: dict[int, VmmFacts | None] = {}
        self._processes = processes
        self._command_names = command_names
        self._files: dict[tuple[int, int], OpenFile] = {}
        self._owners: set[int] | None = None  # of the files; None: to be found out
        self._by_pointer: dict[int, LiveVm] = {}
        self._of_thread: dict[int, LiveVm] = {}
        self._memfds: dict[tuple[int, int], GuestMemfdFile] = {}
        self._hints: dict[tuple[int, int], int] = {}
        self._names = Names()
        self._unattributed: LiveVm | None = None
        self._live: dict[int, LiveVm] = {}  # by sink id
        self._ended: list[LiveVm] = []  # since `settle`
        self._dialects: set[str] = set()
        self.is_losing = False  # between the ends of a gap
        self._only: LiveVm | None = None
        if only is not None:
            self._only = self._add(only, None)

    def live(self) -> Iterator[LiveVm]:
        return iter(self._live.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """For people: which dialects of KVM_MEMORY_ENCRYPT_REG_REGION the VMs spoke."""
        self._note_dialects(self.live())
        return tuple(note for note in (REGIONS_CONVERT, REGIONS_PIN) if note in self._dialects)

    def _note_dialects(self, vms: Iterable[LiveVm]) -> None:
        for vm in vms:
            self._dialects |= {REGIONS_CONVERT} if vm.regions_are_gpas else set()
            self._dialects |= {REGIONS_PIN} if vm.pins_regions else set()

    def of_process(self, process: int) -> Iterator[LiveVm]:
        return (vm for vm in self.live() if vm.process == process)

    @property
    def has_only_one(self) -> bool:
        """The recording is of one VM alone."""
        return self._only is not None

    @property
    def unattributed_if_any(self) -> LiveVm | None:
        return self._unattributed

    @property
    def unattributed(self) -> LiveVm:
        """Where events go whose VM cannot be told; made when first needed."""
        if self._unattributed is None:
            sink_id = self._sink.add_vm(UNATTRIBUTED)
            self._unattributed = LiveVm(
                sink_id, UNATTRIBUTED, UNATTRIBUTED, None, LiveMemslots(False)
            )
        return self._unattributed

    def is_unattributed(self, vm: LiveVm) -> bool:
        return vm is self._unattributed

    def file(self, tid: int, fd: int) -> OpenFile | None:
        return self._files.get((self.owner(tid), fd))

    def fds(self, tid: int) -> list[int]:
        """What is known to be open in the thread's process."""
        owner = self.owner(tid)
        return [fd for process, fd in self._files if process == owner]

    def owner(self, tid: int) -> int:
        """The thread's process; while that is unknown, the thread stands for itself."""
        if self._only is not None:
            return ONLY_PROCESS
        process = self._processes.of(tid)
        return tid if process is None else process

    def owns_files(self, task: int) -> bool:
        """Whether something of ours is open in a process, or a thread stands for one."""
        if self._owners is None:
            self._owners = {owner for owner, _ in self._files}
        return task in self._owners or task in self._of_thread

    def open(self, tid: int, fd: int, file: OpenFile, t: int) -> None:
        """`fd` now names `file` in the thread's process; whatever it named before was closed."""
        self.close(tid, fd, t, is_inferred=True)
        self._files[(self.owner(tid), fd)] = file
        self._owners = None
        if isinstance(file, LiveVm):
            file.fds.add(fd)
        elif isinstance(file, Vcpu):
            file.vm.vcpu_fds += 1
        elif file.inode is not None:
            self.know_inode(file, file.inode)

    def close(self, tid: int, fd: int, t: int, *, is_inferred: bool) -> None:
        """A VM ends with the last fd, its own or a vCPU's, by which it could be run or changed.

        (Its guest_memfds keep struct kvm in memory longer still, but nothing can be done to it.)
        Where closing was not seen, that of vCPUs was not either: the VM's own fds alone count.
        """
        file = self._files.pop((self.owner(tid), fd), None)
        self._owners = None
        if isinstance(file, LiveVm):
            file.fds.discard(fd)
            if not file.fds and (is_inferred or not file.vcpu_fds):
                self.end(file, t, is_inferred=is_inferred)
        elif isinstance(file, Vcpu):
            vm = file.vm
            vm.vcpu_fds -= 1
            if not vm.fds and not vm.vcpu_fds and vm.identity.vm_fd is not None:
                self.end(vm, t, is_inferred=is_inferred)

    def end(self, vm: LiveVm, t: int, *, is_inferred: bool) -> None:
        if vm.has_ended:
            return
        t = max(t, vm.last_t)
        vm.has_ended = True
        if vm.kvm is not None and self._by_pointer.get(vm.kvm) is vm:
            del self._by_pointer[vm.kvm]
        self._files = {k: f for k, f in self._files.items() if not _belongs(f, vm)}
        self._owners = None
        self._of_thread = {tid: v for tid, v in self._of_thread.items() if v is not vm}
        self._memfds = {i: f for i, f in self._memfds.items() if f not in vm.files}
        self._sink.end_vm(vm.sink_id, t, is_inferred=is_inferred)
        del self._live[vm.sink_id]
        self._ended.append(vm)

    def end_process(self, process: int, t: int, *, is_inferred: bool = False) -> None:
        """The process is gone, and all its files with it."""
        self._vmms.pop(process, None)
        if not self.owns_files(process):
            return
        for vm in list(self.of_process(process)):
            self.end(vm, t, is_inferred=is_inferred)
        self._files = {key: f for key, f in self._files.items() if key[0] != process}
        self._owners = None

    def exec(self, process: int, t: int) -> None:
        """The process runs another program: KVM opens VMs and vCPUs close-on-exec, but not
        guest_memfds (anon_inode_getfd in virt/kvm/kvm_main.c; get_unused_fd_flags(0) in
        virt/kvm/guest_memfd.c). Inferred: a VMM could have cleared that flag."""
        for vm in list(self.of_process(process)):
            self.end(vm, t, is_inferred=True)
        self._vmms.pop(process, None)

    def thread_exited(self, tid: int) -> None:
        """Its number may become another thread's."""
        self._of_thread.pop(tid, None)
        for vm in self.live():
            vm.vcpu_of_thread.pop(tid, None)

    def runs(self, tid: int, vcpu: Vcpu) -> None:
        """The thread runs a vCPU."""
        self._of_thread[tid] = vcpu.vm
        if vcpu.vcpu_id != UNKNOWN_VCPU:
            vcpu.vm.vcpu_of_thread[tid] = vcpu.vcpu_id

    def know_inode(self, file: GuestMemfdFile, inode: Inode) -> None:
        """By that, the page cache names the file."""
        file.inode = inode
        device = os.major(inode[0]) << KERNEL_MINOR_BITS | os.minor(inode[0])
        self._memfds[device, inode[1]] = file

    def memfd(self, device: int, ino: int) -> GuestMemfdFile | None:
        """The guest_memfd with that inode, if it was told; the device as kernel events have it."""
        return self._memfds.get((device, ino))

    def create(
        self, caller: Caller, t: int | None, certainty: Certainty, vm_type: int | None, now: int
    ) -> LiveVm:
        """A VM came to be at `t`, or before the recording if None; its fd is `caller.fd`."""
        if self._processes.of(caller.tid) is None:
            self._processes.learn(caller.tid, caller.tid)
        has_fd = caller.fd >= 0
        process = self.owner(caller.tid)
        known = certainty != Certainty.UNKNOWN
        vmm = self._vmm(process)
        told = None if vmm is None else vmm.name or vmm.command
        identity = VmIdentity(
            name=told or self._command_names.get(caller.tid) or f"pid {process}",
            pid=process,
            vm_fd=caller.fd if has_fd else None,
            created_t=t,
            created_certainty=certainty,
            start_state=(PageState.SHARED if known and not self.is_losing else PageState.UNKNOWN),
            vm_type=vm_type,
            kvm_pointer=caller.kvm or None,
            process_start_ns=None if vmm is None else vmm.start_ns,
            uuid=None if vmm is None else vmm.uuid,
        )
        vm = self._add(identity, process)
        if has_fd:
            self.open(caller.tid, caller.fd, vm, now)
        if caller.kvm:
            self._by_pointer[caller.kvm] = vm
        self._of_thread[caller.tid] = vm
        return vm

    def _add(self, identity: VmIdentity, process: int | None) -> LiveVm:
        sink_id = self._sink.add_vm(identity)
        layout = LiveMemslots(identity.created_certainty != Certainty.UNKNOWN)
        vm = LiveVm(sink_id, identity, identity, process, layout)
        self._names.add(vm)
        vm.lost_something = self.is_losing
        self._live[sink_id] = vm
        return vm

    def renew_only(self, t: int, vm_type: int | None) -> bool:
        """The one VM was created at `t`: anew, if there was one already (QEMU resets confidential
        guests so). False if the recording is of several."""
        old = self._only
        if old is None:
            return False
        if not old.layout.slots and not old.last_t:
            return True
        self.end(old, t, is_inferred=True)
        state = PageState.UNKNOWN if self.is_losing else old.identity.start_state
        seen = replace(
            old.identity,
            created_t=t,
            created_certainty=Certainty.SEEN,
            start_state=state,
            vm_type=vm_type,
        )
        self._only = self._add(seen, None)
        return True

    def _vmm(self, process: int) -> VmmFacts | None:
        """What a process is, asked when its first VM appears: later it may be gone."""
        if process not in self._vmms:
            self._vmms[process] = None if self._vmm_of is None else self._vmm_of(process)
        return self._vmms[process]

    def hint_creation(self, tid: int, fd: int, t: int) -> None:
        """An ioctl whose entry was not recorded returned `fd`: perhaps a new VM's."""
        self._hints[(self.owner(tid), fd)] = t

    def forget_hints(self) -> None:
        """Events were lost: what an earlier ioctl returned may be closed and open anew."""
        self._hints.clear()

    def find(self, caller: Caller) -> LiveVm | None:
        """The VM that a VM ioctl went to, if it is known already. Learns from what it finds."""
        if self._only is not None:
            return self._only
        found = self._by_pointer.get(caller.kvm) if caller.kvm else None
        if found is None and caller.fd >= 0:
            found = self._by_fd(caller)
        if found is not None:
            self._of_thread[caller.tid] = found
            if self._processes.of(caller.tid) is None and found.process is not None:
                self._processes.learn(caller.tid, found.process)
        return found

    def find_or_create(self, caller: Caller, now: int) -> LiveVm:
        """The VM of a call that KVM accepted; one that was never seen before is made known.

        Returns the unattributed one if several would fit.
        """
        found = self.find(caller)
        if found is not None:
            self._adopt(found, caller, now)
            return found
        if not caller.kvm and (caller.fd < 0 or len(self.candidates(caller)) > 1):
            return self.unattributed
        hint = self._hints.pop((self.owner(caller.tid), caller.fd), None)
        certainty = Certainty.UNKNOWN if hint is None else Certainty.INFERRED
        self._end_predecessor(caller, now if hint is None else hint)
        return self.create(caller, hint, certainty, None, now)

    def candidates(self, caller: Caller) -> list[LiveVm]:
        """The VMs that a thread of no known process may mean by an fd."""
        if self._processes.of(caller.tid) is not None:
            return []
        return [vm for vm in self.live() if caller.fd in vm.fds]

    def of_thread(self, tid: int, fd: int) -> LiveVm | None:
        """The VM that a vCPU thread runs: by its vCPU's fd, its last VM ioctl, or elimination."""
        if self._only is not None:
            return self._only
        file = self.file(tid, fd) if fd >= 0 else None
        if isinstance(file, Vcpu):
            return file.vm
        vm = self._of_thread.get(tid)
        if vm is not None:
            return vm
        process = self._processes.of(tid)
        alive = list(self.live() if process is None else self.of_process(process))
        return alive[0] if len(alive) == 1 else None

    def identify(self, vm: LiveVm, identity: VmIdentity) -> None:
        """More is known of a VM; the sink learns it with its name."""
        vm.identity = identity
        self._names.know_more()

    def settle(self) -> None:
        """Between floods: tell the sink what became known of VMs, with names that tell them apart,
        and forget those that ended."""
        self._note_dialects(self._ended)
        for vm in self._ended:
            self._names.end(vm)
        for sink_id, identity in self._names.news():
            self._sink.update_vm(sink_id, identity)
        for vm in self._ended:
            if vm is not self._only:  # which is found for as long as the recording goes on
                self._sink.forget_vm(vm.sink_id)
        self._ended = []

    def _by_fd(self, caller: Caller) -> LiveVm | None:
        key = (self.owner(caller.tid), caller.fd)
        file = self._files.get(key)
        if isinstance(file, LiveVm):
            differs = caller.kvm and file.kvm is not None and file.kvm != caller.kvm
            return None if differs else file
        if caller.kvm or key in self._hints:
            return None
        candidates = self.candidates(caller)
        if len(candidates) != 1:
            return None
        # A thread that uses a VM's fd is a thread of the one process that has it open.
        return candidates[0]

    def _adopt(self, vm: LiveVm, caller: Caller, now: int) -> None:
        """Remember by which pointer and fd the VM was met this time."""
        if caller.kvm and vm.kvm is None:
            self.identify(vm, replace(vm.identity, kvm_pointer=caller.kvm))
            self._by_pointer[caller.kvm] = vm
        if caller.fd < 0 or caller.fd in vm.fds:
            return
        self.open(caller.tid, caller.fd, vm, now)
        if vm.identity.vm_fd is None:
            self.identify(vm, replace(vm.identity, vm_fd=caller.fd))

    def _end_predecessor(self, caller: Caller, t: int) -> None:
        """The fd names another VM now, so the one it named before was closed."""
        if caller.fd >= 0:
            self.close(caller.tid, caller.fd, t, is_inferred=True)


def _belongs(file: OpenFile, vm: LiveVm) -> bool:
    return file is vm or (isinstance(file, Vcpu) and file.vm is vm)
