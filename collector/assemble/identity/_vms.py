"""The VMs of a recording and what names them: descriptors, struct kvm *, threads that use them."""

from collections.abc import Mapping
from dataclasses import replace

from app.model.guest import UNKNOWN_VCPU, Certainty, PageState, VmIdentity
from app.store.protocol import RecordingSink
from collector.assemble.identity._known_vms import KnownVms, Rivals
from collector.assemble.identity._live_vm import Caller, LiveVm, OpenFile, Vcpu
from collector.assemble.identity._open_files import CreationHints, OpenFiles
from collector.assemble.identity._open_losses import OpenLosses
from collector.assemble.identity._processes import Processes
from collector.assemble.identity._vmms import VmmOf, Vmms

ONLY_PROCESS = 0
"""In place of a pid: that of the only VM of a recording."""


class Vms:
    """Creates VMs, follows what names them, and ends them with it."""

    def __init__(
        self,
        sink: RecordingSink,
        processes: Processes,
        command_names: Mapping[int, str],
        vmm_of: VmmOf | None = None,
        only: VmIdentity | None = None,
    ) -> None:
        """`only`: the recording is of this VM alone, and everything in it is of it."""
        self.known = KnownVms(sink)
        self.files = OpenFiles()
        self.losses = OpenLosses()
        self.rivals = Rivals(self.known, processes, self.owner)
        self._processes = processes
        self._vmms = Vmms(vmm_of, command_names)
        self.hints = CreationHints()
        self._by_pointer: dict[int, LiveVm] = {}
        self._of_thread: dict[int, LiveVm] = {}
        self._only: LiveVm | None = None
        if only is not None:
            self._only = self._add(only, None)

    @property
    def is_losing(self) -> bool:
        return self.losses.gaps > 0

    @property
    def only(self) -> LiveVm | None:
        """The one VM, if the recording is of one alone."""
        return self._only

    def file(self, tid: int, fd: int) -> OpenFile | None:
        return self.files.get(self.owner(tid), fd)

    def fds(self, tid: int) -> list[int]:
        """What is known to be open in the thread's process."""
        return self.files.numbers(self.owner(tid))

    def owner(self, tid: int) -> int:
        """The thread's process; while that is unknown, the thread stands for itself."""
        if self._only is not None:
            return ONLY_PROCESS
        if self._processes.moved:
            self._follow_moves()
        process = self._processes.of(tid)
        return tid if process is None else process

    def _follow_moves(self) -> None:
        """Threads that stood for themselves are of a process after all, with what they opened."""
        moves, self._processes.moved = self._processes.moved, []
        for old, new in moves:
            for replaced in self.files.move(old, new):
                self.end(replaced, replaced.last_t, is_inferred=True)
            for vm in list(self.known.of_process(old)):
                vm.process = new
                self.known.identify(vm, replace(vm.identity, pid=new))

    def owns_files(self, task: int) -> bool:
        """Whether something of ours is open in a process, or a thread stands for one."""
        return self.files.has(task) or task in self._of_thread

    def open(self, tid: int, fd: int, file: OpenFile, t: int) -> None:
        """`fd` now names `file` in the thread's process; whatever it named before was closed."""
        self.close(tid, fd, t, is_inferred=True)
        self.files.open(self.owner(tid), fd, file)

    def close(self, tid: int, fd: int, t: int, *, is_inferred: bool) -> None:
        ended = self.files.close(self.owner(tid), fd, is_inferred=is_inferred)
        if ended is not None:
            self.end(ended, t, is_inferred=is_inferred)

    def end(self, vm: LiveVm, t: int, *, is_inferred: bool) -> None:
        if vm.has_ended:
            return
        if vm.kvm is not None and self._by_pointer.get(vm.kvm) is vm:
            del self._by_pointer[vm.kvm]
        self.files.forget_vm(vm)
        self._of_thread = {tid: v for tid, v in self._of_thread.items() if v is not vm}
        self.known.end(vm, t, is_inferred=is_inferred)

    def end_process(self, process: int, t: int, *, is_inferred: bool = False) -> None:
        """The process is gone, and all its files with it."""
        self._vmms.forget(process)
        if not self.owns_files(process):
            return
        for vm in list(self.known.of_process(process)):
            self.end(vm, t, is_inferred=is_inferred)
        self.files.forget_owner(process)

    def exec(self, process: int, t: int) -> None:
        """The process runs another program: KVM opens VMs and vCPUs close-on-exec, but not
        guest_memfds (anon_inode_getfd in virt/kvm/kvm_main.c; get_unused_fd_flags(0) in
        virt/kvm/guest_memfd.c). Inferred: a VMM could have cleared that flag."""
        for vm in list(self.known.of_process(process)):
            self.end(vm, t, is_inferred=True)
        self._vmms.forget(process)

    def thread_exited(self, tid: int) -> None:
        """Its number may become another thread's."""
        self._of_thread.pop(tid, None)
        for vm in self.known.live():
            vm.vcpu_of_thread.pop(tid, None)

    def runs(self, tid: int, vcpu: Vcpu) -> None:
        """The thread runs a vCPU."""
        self._of_thread[tid] = vcpu.vm
        if vcpu.vcpu_id != UNKNOWN_VCPU:
            vcpu.vm.vcpu_of_thread[tid] = vcpu.vcpu_id

    def settle(self) -> None:
        """Between floods: give the sink what became known, and forget the VMs that ended (not the
        only one, which is found for as long as the recording goes on)."""
        for vm in self.known.settle(self.files.guest_memfds, keeping=self._only):
            self.files.forget_inodes(vm.files)

    def lost(self) -> None:
        """Events were lost: what a descriptor named before may be closed, and another opened;
        threads may run other vCPUs, and files may no longer be as they were made."""
        self.hints.clear()
        self._processes.lost()
        files = set(self.files.guest_memfds())
        for vm in self.known.live():
            vm.lost_something = vm.may_be_another = True
            vm.layout.is_complete = False
            vm.vcpu_of_thread.clear()
            files.update(vm.files)
        for file in files:
            file.lost_something = True

    # -- how VMs come to be ----------------------------------------------------------------------

    def create(
        self, caller: Caller, t: int | None, certainty: Certainty, vm_type: int | None, now: int
    ) -> LiveVm:
        """A VM came to be at `t`, or before the recording if None; its fd is `caller.fd`."""
        self._processes.stand_alone(caller.tid)
        process = self.owner(caller.tid)
        is_fresh = certainty != Certainty.UNKNOWN and not self.is_losing
        start_state = PageState.SHARED if is_fresh else PageState.UNKNOWN
        identity = self._vmms.identity(caller, process, (t, certainty), start_state, vm_type)
        vm = self._add(identity, process)
        if caller.fd >= 0:
            self.open(caller.tid, caller.fd, vm, now)
        if caller.kvm:
            self._by_pointer[caller.kvm] = vm
        self._of_thread[caller.tid] = vm
        for rival in self.rivals.of(vm):
            self.known.doubt(vm)
            self.known.doubt(rival)
        return vm

    def _add(self, identity: VmIdentity, process: int | None) -> LiveVm:
        vm = self.known.add(identity, process, is_losing=self.is_losing)
        late = (tid for tid in self.losses.late_threads if self.rivals.may_have(tid, process))
        self.losses.met(vm, late)
        return vm

    def know_pointer(self, vm: LiveVm) -> None:
        """Of a VM that was known before."""
        if vm.kvm is not None:
            self._by_pointer[vm.kvm] = vm

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

    def hint_creation(self, tid: int, fd: int, t: int) -> None:
        """An ioctl whose entry was not recorded returned `fd`: perhaps a new VM's."""
        self.hints.add(self.owner(tid), fd, t)

    def distrust_hints(self, caller: Caller) -> None:
        """The caller uses an fd of which nothing shows that it is its own."""
        owner = self.owner(caller.tid)
        self.hints.distrust(owner, caller.fd, self._processes.may_be_one)

    # -- by what they are met --------------------------------------------------------------------

    def of_pointer(self, kvm: int) -> LiveVm | None:
        return self._by_pointer.get(kvm) if kvm else None

    def last_of(self, tid: int) -> LiveVm | None:
        """The VM that the thread used last."""
        return self._of_thread.get(tid)

    def used(self, tid: int, vm: LiveVm) -> None:
        self._of_thread[tid] = vm

    def adopt(self, vm: LiveVm, caller: Caller, now: int) -> None:
        """Remember by which pointer and fd the VM was met this time."""
        if caller.kvm and vm.kvm is None:
            self.known.identify(vm, replace(vm.identity, kvm_pointer=caller.kvm))
            self._by_pointer[caller.kvm] = vm
        if caller.fd < 0 or caller.fd in vm.fds:
            return
        self.open(caller.tid, caller.fd, vm, now)
        if vm.identity.vm_fd is None:
            self.known.identify(vm, replace(vm.identity, vm_fd=caller.fd))

    def join(self, tid: int, vm: LiveVm) -> None:
        """The thread is of the process that has the VM."""
        if vm.process is not None and not self._processes.is_known(self.owner(tid)):
            self._processes.join(tid, vm.process)
