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
from collector.assemble.open_files import OpenFiles
from collector.assemble.open_losses import OpenLosses
from collector.assemble.processes import Processes
from collector.host.found import VmmFacts

VmmOf = Callable[[int], VmmFacts | None]
"""Tells what a process is, while it lives; None if it is gone."""

KERNEL_MINOR_BITS = 20
"""MINORBITS (include/linux/kdev_t.h): stat(2) tells devices otherwise than kernel events do."""

ONLY_PROCESS = 0
"""In place of a pid: that of the only VM of a recording."""

MAY_BE_SEVERAL = (
    "Calls of several VMs may stand under one, or those of one under several: nothing tells the "
    "processes of some threads apart, or events were lost between calls on one descriptor. Pages "
    "that depend on it are unknown. Beside a trace of VMs that still run, what `gmemscope recipe "
    "processes` lists tells whose their threads are."
)

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
        self._files = OpenFiles()
        self._by_pointer: dict[int, LiveVm] = {}
        self._of_thread: dict[int, LiveVm] = {}
        self._memfds: dict[tuple[int, int], GuestMemfdFile] = {}
        self._hints: dict[tuple[int, int], int | None] = {}  # None: made, but in use since
        self._names = Names()
        self._unattributed: LiveVm | None = None
        self._live: dict[int, LiveVm] = {}  # by sink id
        self._ended: list[LiveVm] = []  # since `settle`
        self._lingering: list[LiveVm] = []  # ended before, but a guest_memfd of theirs is open
        self._dialects: set[str] = set()
        self._has_doubts = False
        self.losses = OpenLosses()
        self._only: LiveVm | None = None
        if only is not None:
            self._only = self._add(only, None)

    @property
    def is_losing(self) -> bool:
        return self.losses.gaps > 0

    def live(self) -> Iterator[LiveVm]:
        return iter(self._live.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """For people: whether VMs may be several, and which dialects of
        KVM_MEMORY_ENCRYPT_REG_REGION they spoke."""
        self._note_dialects(self.live())
        dialects = tuple(n for n in (REGIONS_CONVERT, REGIONS_PIN) if n in self._dialects)
        return (MAY_BE_SEVERAL, *dialects) if self._has_doubts else dialects

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
        return self._files.get(self.owner(tid), fd)

    def fds(self, tid: int) -> list[int]:
        """What is known to be open in the thread's process."""
        return self._files.numbers(self.owner(tid))

    def owner(self, tid: int) -> int:
        """The thread's process; while that is unknown, the thread stands for itself."""
        if self._only is not None:
            return ONLY_PROCESS
        if self._processes.moved:
            self._follow_moves()
        process = self._processes.of(tid)
        return tid if process is None else process

    def _follow_moves(self) -> None:
        """Threads that stood for themselves turned out to be of a process, with what they opened.

        What another thread of that process was seen to open under the same number is newer."""
        moves, self._processes.moved = self._processes.moved, []
        for old, new in moves:
            for fd in self._files.numbers(old) if self._files.has(old) else ():
                file = self._files.pop(old, fd)
                if file is not None and self._files.get(new, fd) is None:
                    self._files.put(new, fd, file)
                elif isinstance(file, LiveVm):
                    self.end(file, file.last_t, is_inferred=True)
            for vm in list(self.of_process(old)):
                vm.process = new
                self.identify(vm, replace(vm.identity, pid=new))

    def owns_files(self, task: int) -> bool:
        """Whether something of ours is open in a process, or a thread stands for one."""
        return self._files.has(task) or task in self._of_thread

    def open(self, tid: int, fd: int, file: OpenFile, t: int) -> None:
        """`fd` now names `file` in the thread's process; whatever it named before was closed."""
        self.close(tid, fd, t, is_inferred=True)
        self._files.put(self.owner(tid), fd, file)
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
        file = self._files.pop(self.owner(tid), fd)
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
        self._files.forget_vm(vm)
        self._of_thread = {tid: v for tid, v in self._of_thread.items() if v is not vm}
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
        self._files.forget_owner(process)

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
        self._processes.stand_alone(caller.tid)
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
        for rival in self.rivals(vm):
            self.doubt(vm)
            self.doubt(rival)
        return vm

    def _add(self, identity: VmIdentity, process: int | None) -> LiveVm:
        sink_id = self._sink.add_vm(identity)
        is_complete = identity.created_certainty != Certainty.UNKNOWN and not self.is_losing
        layout = LiveMemslots(is_complete)
        vm = LiveVm(sink_id, identity, identity, process, layout)
        self._names.add(vm)
        vm.lost_something = self.is_losing
        late = (tid for tid in self.losses.late_threads if self._may_have(tid, process))
        self.losses.met(vm, late)
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

    def lost(self) -> None:
        """Events were lost: what a descriptor named before may be closed, and another opened;
        threads may run other vCPUs, and files may no longer be as they were made."""
        self._hints.clear()
        self._processes.lost()
        files = set(self._files.guest_memfds())
        for vm in self.live():
            vm.lost_something = vm.may_be_another = True
            vm.layout.is_complete = False
            vm.vcpu_of_thread.clear()
            files.update(vm.files)
        for file in files:
            file.lost_something = True

    def rivals(self, vm: LiveVm) -> list[LiveVm]:
        """Other VMs that may be the same one: a descriptor of the same number names them, and
        nothing tells the processes apart that have it."""
        if vm.process is None:
            return []
        return [
            other
            for other in self._on_fds(vm.process, vm.fds)
            if vm.kvm is None or other.kvm is None
        ]

    def _on_fds(self, owner: int, fds: set[int]) -> list[LiveVm]:
        """VMs behind one of these numbers in groups of threads that may be of that process."""
        return [
            vm
            for vm in self.live()
            if vm.process is not None
            and vm.process != owner
            and not vm.fds.isdisjoint(fds)
            and self._processes.may_be_one(owner, vm.process)
        ]

    def doubt(self, vm: LiveVm) -> None:
        """Calls of several VMs may be taken for its, or its calls for another's."""
        vm.layout.is_complete = False
        if not vm.identity.may_be_several and not vm.identity.is_unattributed:
            self._has_doubts = True
            self.identify(vm, replace(vm.identity, may_be_several=True))

    def find(self, caller: Caller, *, was_accepted: bool = False) -> LiveVm | None:
        """The VM that a VM ioctl went to, if it is known already; `is_certain` says how well.

        KVM refuses calls of other processes than the VM's (kvm_vm_ioctl in virt/kvm/kvm_main.c),
        so a thread whose call it accepted is of the one that has the VM.
        """
        if self._only is not None:
            return self._only
        found = self._by_pointer.get(caller.kvm) if caller.kvm else None
        if found is not None and was_accepted:
            self._join(caller.tid, found)
        if found is None and caller.fd >= 0:
            found = self._by_fd(caller)
        if found is None:
            return None
        self._of_thread[caller.tid] = found
        if found.may_be_another or not self.is_certain(caller, found):
            found.may_be_another = False
            self.doubt(found)
        return found

    def _join(self, tid: int, vm: LiveVm) -> None:
        """The thread is of the process that has the VM."""
        if vm.process is not None and not self._processes.is_told(self.owner(tid)):
            self._processes.join(tid, vm.process)

    def is_certain(self, caller: Caller, vm: LiveVm) -> bool:
        """Whether a VM that `find` found is the one for sure, and not that of a process which has
        the same number."""
        if self._only is not None or vm.identity.is_unattributed:
            return True
        if caller.kvm and self._by_pointer.get(caller.kvm) is vm:
            return True
        return self.file(caller.tid, caller.fd) is vm

    def find_or_create(self, caller: Caller, now: int, *, was_accepted: bool = True) -> LiveVm:
        """The VM of a call that KVM accepted; one that was never seen before is made known.

        Returns the unattributed one if it may be of several, one of which was seen to be made.
        """
        found = self.find(caller, was_accepted=was_accepted)
        if found is not None and self.is_certain(caller, found):
            self._adopt(found, caller, now)
            return found
        if not caller.kvm:
            self._distrust_hints(caller)
        if found is not None:
            return found
        key = self.owner(caller.tid), caller.fd
        is_named = bool(caller.kvm) or key in self._hints
        hint = self._hints.pop(key, None)
        if not is_named and (caller.fd < 0 or self._may_be_of_one_made_here(caller)):
            return self.unattributed
        certainty = Certainty.UNKNOWN if hint is None else Certainty.INFERRED
        self._end_predecessor(caller, now if hint is None else hint)
        return self.create(caller, hint, certainty, None, now)

    def _distrust_hints(self, caller: Caller) -> None:
        """A VM that a thread of another process seems to have may be one that is hinted at, and is
        not fresh any more."""
        owner = self.owner(caller.tid)
        for process, fd in list(self._hints):
            is_alike = fd == caller.fd and process != owner
            if is_alike and self._processes.may_be_one(owner, process):
                self._hints[process, fd] = None

    def _may_be_of_one_made_here(self, caller: Caller) -> bool:
        return any(vm.was_made_here for vm in self.candidates(caller))

    def candidates(self, caller: Caller) -> list[LiveVm]:
        """The VMs, known by calls of others, that a thread may mean by an fd: those of processes
        that it may be of. Without an fd any of these, and of its own."""
        owner = self.owner(caller.tid)
        if caller.fd >= 0:
            return self._on_fds(owner, {caller.fd})
        return self.of_whom(caller.tid)

    def of_whom(self, tid: int) -> list[LiveVm]:
        """The VMs of the thread's process, and of those that it may be of."""
        return [vm for vm in self.live() if self._may_have(tid, vm.process)]

    def _may_have(self, tid: int, process: int | None) -> bool:
        """Whether a VM of that process may be of the thread's."""
        return process is None or self._processes.may_be_one(self.owner(tid), process)

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
        own = list(self.of_process(self.owner(tid)))
        if own:
            return own[0] if len(own) == 1 else None
        others = self.of_whom(tid)
        if len(others) != 1:
            return None
        self.doubt(others[0])
        return others[0]

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
        ended, self._lingering = [*self._lingering, *self._ended], []
        open_memfds = self._files.memfds() if ended else frozenset[GuestMemfdFile]()
        for vm in ended:
            if vm is self._only:  # which is found for as long as the recording goes on
                continue
            if open_memfds.isdisjoint(vm.files):
                self._forget(vm)
            else:
                self._lingering.append(vm)
        self._ended = []

    def _forget(self, vm: LiveVm) -> None:
        """Nothing is told of it any more."""
        self._memfds = {i: f for i, f in self._memfds.items() if f not in vm.files}
        self._sink.forget_vm(vm.sink_id)

    def with_file(self, file: GuestMemfdFile) -> Iterator[LiveVm]:
        """The VMs of a guest_memfd, those that ended among them: it may outlive its VM, and what
        is done to it then is done to memory of that."""
        return (vm for vm in (*self.live(), *self._ended, *self._lingering) if file in vm.files)

    def _by_fd(self, caller: Caller) -> LiveVm | None:
        file = self.file(caller.tid, caller.fd)
        if isinstance(file, LiveVm):
            differs = caller.kvm and file.kvm is not None and file.kvm != caller.kvm
            return None if differs else file
        if caller.kvm or (self.owner(caller.tid), caller.fd) in self._hints:
            return None
        # A process whose VM was made while it was watched has more threads, as a rule: what they
        # do is taken for its, under doubt. Those of VMs that were there before are not told apart
        # from others so, and stand alone.
        candidates = self.candidates(caller)
        is_one = len(candidates) == 1 and candidates[0].was_made_here
        return candidates[0] if is_one else None

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
