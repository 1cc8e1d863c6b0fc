"""VMs that may be one and the same, where nothing distinguishes processes."""

from collections.abc import Callable

from collector.assemble.identity._known_vms import KnownVms
from collector.assemble.identity._live_vm import Caller, LiveVm
from collector.assemble.identity._processes import Processes


class Rivals:
    """`owner` returns the group of a thread, as in Vms."""

    def __init__(self, known: KnownVms, processes: Processes, owner: Callable[[int], int]) -> None:
        self._known = known
        self._processes = processes
        self._owner = owner

    def of(self, vm: LiveVm) -> list[LiveVm]:
        """Other VMs that may be the same one: a descriptor of the same number names them, and
        nothing distinguishes the processes that have it."""
        if vm.process is None:
            return []
        return [
            other
            for other in self._on_fds(vm.process, vm.fds)
            if vm.kvm is None or other.kvm is None
        ]

    def candidates(self, caller: Caller) -> list[LiveVm]:
        """The VMs, known by calls of others, that a thread may mean by an fd: those of processes
        that it may be of. Without an fd any of these, and of its own."""
        if caller.fd >= 0:
            return self._on_fds(self._owner(caller.tid), {caller.fd})
        return self.of_whom(caller.tid)

    def of_whom(self, tid: int) -> list[LiveVm]:
        """The VMs of the thread's process, and of those that it may be of."""
        return [vm for vm in self._known.live() if self.may_have(tid, vm.process)]

    def may_have(self, tid: int, process: int | None) -> bool:
        """Whether a VM of that process may be of the thread's."""
        return process is None or self._processes.may_be_one(self._owner(tid), process)

    def _on_fds(self, owner: int, fds: set[int]) -> list[LiveVm]:
        """VMs behind one of these numbers in groups of threads that may be of that process."""
        return [
            vm
            for vm in self._known.live()
            if vm.process is not None
            and vm.process != owner
            and not vm.fds.isdisjoint(fds)
            and self._processes.may_be_one(owner, vm.process)
        ]
