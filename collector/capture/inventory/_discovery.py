"""All VMs of this host at one instant, from /proc."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from collector.capture.inventory._descriptors import KvmFds, is_vm, kvm_fds
from collector.capture.inventory._kernel_calls import same_file
from collector.capture.inventory._memfds import Counting, memfds_of
from collector.capture.inventory._processes import is_still, process_ids, vmm_of
from collector.capture.inventory._qmp import with_monitors
from collector.capture.inventory._threads import vcpu_threads
from collector.vm_inventory import FoundStrays, FoundVm, Inventory, VmmFacts

COUNTING_S = 1.0
"""Events wait in the kernel's buffers meanwhile."""


@dataclass(frozen=True, slots=True)
class _Process:
    facts: VmmFacts
    fds: KvmFds


def scan(
    pids: Collection[int], clock: int, qmp: Sequence[Path] = (), *, counting_s: float = COUNTING_S
) -> Inventory:
    """Find the VMs of the processes `pids`, or of all. `clock` is a time.CLOCK_*.

    `qmp` are the monitors of QEMUs that may be asked, `counting_s` is how long the pages of
    guest_memfds may be counted. Nothing raises; what could not be read is a note.

    The VMs were there at the instant that is named: each is looked for once more after it was
    taken. Memslots are asked for after it too, so that none is reported that is gone by then.
    """
    notes: dict[str, None] = {}
    processes = _look_into(pids or list(process_ids()), notes)
    vms, strays = _vms(processes, Counting(counting_s, notes), notes)
    clock_ns = time.clock_gettime_ns(clock)
    alive = with_monitors([vm for vm in vms if _is_alive(vm)], qmp, notes)
    strays = [s for s in strays if is_still(s.process)]
    return Inventory(clock_ns, tuple(alive), tuple(strays), tuple(notes))


def _look_into(pids: Iterable[int], notes: dict[str, None]) -> list[_Process]:
    """The processes with descriptors of KVM's."""
    found, closed = [], 0
    for pid in pids:
        try:
            fds = kvm_fds(pid)
        except PermissionError:
            closed += 1
            continue
        facts = None if fds.is_empty else vmm_of(pid)
        if facts is not None:
            found.append(_Process(facts, fds))
    if closed:
        notes[
            f"{closed} processes may not be looked into: VMs of theirs that were running already "
            "are not shown until they make a call. Run as root."
        ] = None
    return found


def _vms(
    processes: list[_Process], counting: Counting, notes: dict[str, None]
) -> tuple[list[FoundVm], list[FoundStrays]]:
    owned: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for owner, names in _distinct_vms(processes, notes):
        owned[owner.facts.pid].append(names)
    threads = vcpu_threads(
        {p.facts.pid: p.fds.vcpus for p in processes if p.facts.pid in owned and p.fds.vcpus}
    )
    vms: list[FoundVm] = []
    strays: list[FoundStrays] = []
    for process in processes:
        facts, fds = process.facts, sorted(owned[process.facts.pid])
        memfds = memfds_of(facts.pid, process.fds.memfds) if fds else ()
        memfds = tuple(counting.counted(facts.pid, memfd) for memfd in memfds)
        vcpus = process.fds.vcpus
        if len(fds) == 1:
            known = threads.get(facts.pid)
            vms.append(FoundVm(facts, fds[0], vcpus, memfds, threads=known))
            continue
        vms += [FoundVm(facts, one, {}) for one in fds]
        if fds and (memfds or vcpus):
            strays.append(FoundStrays(facts, vcpus, memfds))
            notes[strays[-1].note] = None
    return vms, strays


def _distinct_vms(
    processes: list[_Process], notes: dict[str, None]
) -> list[tuple[_Process, tuple[int, ...]]]:
    """Each VM once, with its owner and all the descriptors that name it there.

    A child inherits descriptors but may not use them (KVM refuses another address space), so a
    VM that several processes hold is that of the one that is oldest.
    """
    held = [(process, fd) for process in processes for fd in process.fds.vms]
    unsure = False

    def order(a: tuple[_Process, int], b: tuple[_Process, int]) -> int:
        nonlocal unsure
        try:
            return same_file(a[0].facts.pid, a[1], b[0].facts.pid, b[1])
        except OSError as error:
            unsure = unsure or not isinstance(error, ProcessLookupError)
            return 1

    groups: list[list[tuple[_Process, int]]] = []
    for one in sorted(held, key=cmp_to_key(order)):
        if groups and order(groups[-1][-1], one) == 0:
            groups[-1].append(one)
        else:
            groups.append([one])
    if unsure:
        notes["Whether two descriptors name one VM could not be asked (kcmp)."] = None
    return [_owner_of(group) for group in groups]


def _owner_of(group: list[tuple[_Process, int]]) -> tuple[_Process, tuple[int, ...]]:
    owner = min((p for p, _ in group), key=lambda p: (p.facts.start_ns, p.facts.pid))
    return owner, tuple(sorted(fd for p, fd in group if p is owner))


def _is_alive(vm: FoundVm) -> bool:
    return is_still(vm.process) and any(is_vm(vm.process.pid, fd) for fd in vm.fds)
