"""What the kernel holds beside what /proc shows of the same VMs."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from collector.vm_inventory import FoundMemfd, FoundPopulation, FoundVm, Inventory


def with_kernel(found: Inventory, kernel: Sequence[FoundVm], pids: Collection[int]) -> Inventory:
    """The VMs of `pids`, or all, as the kernel has them; names and page counts are those of /proc.

    A VM that only /proc shows was made in between, and stays as it is.
    """
    wanted = [vm for vm in kernel if not pids or vm.process.pid in pids]
    listed = {(vm.process.pid, fd): vm for vm in found.vms for fd in vm.fds}
    counted = _counted(found)
    vms, seen = [], set()
    for vm in wanted:
        same = next(
            (listed[vm.process.pid, fd] for fd in vm.fds if (vm.process.pid, fd) in listed), None
        )
        if same is not None:
            seen.add(id(same))
        vms.append(_merged(vm, same, counted))
    vms += [vm for vm in found.vms if id(vm) not in seen]
    return _without_strays(replace(found, vms=tuple(vms)), {vm.process.pid for vm in wanted})


def _merged(
    vm: FoundVm, same: FoundVm | None, counted: dict[tuple[int, int], FoundMemfd]
) -> FoundVm:
    memfds = tuple(
        replace(one, population=population)
        if (population := _population(counted.get((one.dev, one.ino))))
        else one
        for one in vm.memfds
    )
    if same is None:
        return replace(vm, memfds=memfds)
    threads = {**(same.threads or {}), **(vm.threads or {})}
    return replace(vm, process=same.process, memfds=memfds, threads=threads)


def _counted(found: Inventory) -> dict[tuple[int, int], FoundMemfd]:
    """By device and inode."""
    groups = [vm.memfds for vm in found.vms] + [strays.memfds for strays in found.strays]
    return {(one.dev, one.ino): one for group in groups for one in group}


def _population(memfd: FoundMemfd | None) -> tuple[FoundPopulation, ...]:
    """Where its pages are, if all of it was counted; the kernel counts how many there are."""
    if memfd is None or sum(one.npages for one in memfd.population) << 12 < memfd.size:
        return ()
    return memfd.population


def _without_strays(found: Inventory, pids: set[int]) -> Inventory:
    """The kernel knows whose file each is."""
    settled = {strays.note for strays in found.strays if strays.process.pid in pids}
    strays = tuple(strays for strays in found.strays if strays.note not in settled)
    notes = tuple(note for note in found.notes if note not in settled)
    return replace(found, strays=strays, notes=notes)
