"""What is being lost at the moment, and the VMs that it may be of."""

from collections.abc import Iterable, Iterator

from collector.assemble.identity._live_vm import LiveVm


class OpenLosses:
    """Gaps in what CPUs recorded, which concern every VM, and calls whose entry was lost, which
    concern those that they may be of: a late call counts from the gap's end to its return."""

    def __init__(self) -> None:
        self.gaps = 0
        self._late: dict[int, list[LiveVm]] = {}  # by the thread whose call it is

    def late_began(self, tid: int, may_be_of: Iterable[LiveVm]) -> Iterator[LiveVm]:
        """The VMs that lose something from now on."""
        self._late[tid] = [vm for vm in may_be_of if _may_be_older(vm)]
        return iter(self._late[tid])

    def late_ended(self, tid: int) -> Iterator[LiveVm]:
        return (vm for vm in self._late.pop(tid, ()) if not vm.has_ended)

    @property
    def late_threads(self) -> list[int]:
        return list(self._late)

    def met(self, vm: LiveVm, late_threads: Iterable[int]) -> None:
        """A VM came to be known while these threads are in calls that may be of it."""
        vm.unreported_gaps += self.gaps
        if vm.identity.created_t is not None:
            return
        for tid in late_threads:
            self._late[tid].append(vm)
            vm.unreported_gaps += 1


def _may_be_older(vm: LiveVm) -> bool:
    """Than the gap, so that a call which was entered by its end may be of it."""
    return vm.lost_something or vm.identity.created_t is None
