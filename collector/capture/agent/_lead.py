"""Calls from before the VMs of a host were looked for: by them, what was found was there already.

An armed collector looks for VMs when it is triggered, and records what happened before. A VM that
is found then was there from the start on, unless its process began later or a call made a VM since.
"""

import time
from dataclasses import replace

import numpy as np

from collector.codes import CallCode
from collector.records import CALL, CallArray
from collector.vm_inventory import FoundVm, Inventory

MOST_CALLS = 1_000_000
"""Of 112 bytes each. Where there are more, VMs are known from when they were found on."""
_MAKES_VMS = (CallCode.CREATE_VM, CallCode.PROCESS_EXEC)
_CHANGES_MEMORY = (CallCode.SET_REGION, CallCode.CREATE_GUEST_MEMFD, CallCode.LOSS_BEGIN)


class Lead:
    """Holds calls until all are there that came before VMs were looked for."""

    def __init__(self, found: Inventory, start_ns: int) -> None:
        self._found = found
        self._start_ns = start_ns
        self._held: list[CallArray] = []

    def hold(self, calls: CallArray, reached_ns: int) -> bool:
        """Whether they were held; else it is time to `release` them."""
        self._held.append(calls)
        is_complete = reached_ns >= self._found.clock_ns
        return not is_complete and sum(map(len, self._held)) <= MOST_CALLS

    def release(self) -> tuple[Inventory | None, CallArray]:
        """What was there at the start, and all calls that were held."""
        calls = np.concatenate([np.zeros(0, CALL), *self._held])
        is_whole = len(calls) <= MOST_CALLS
        at = self._found.clock_ns
        return (self._at_start(calls[calls["ts_exit"] <= at]) if is_whole else None), calls

    def _at_start(self, before: CallArray) -> Inventory:
        made = set(before["tgid"][np.isin(before["code"], _MAKES_VMS)].tolist())
        since = self._start_ns + time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        is_changed = bool(np.isin(before["code"], _CHANGES_MEMORY).any())
        vms = tuple(
            _without_counts(vm, has_memory=not is_changed)
            for vm in self._found.vms
            if vm.process.pid not in made and vm.process.start_ns <= since
        )
        return Inventory(self._start_ns, vms)


def _without_counts(vm: FoundVm, *, has_memory: bool) -> FoundVm:
    """What was counted is of the instant at which it was; so is memory that calls changed since."""
    memfds = tuple(replace(memfd, population=()) for memfd in vm.memfds)
    if not has_memory:
        return replace(vm, memfds=(), memslots=(), memslots_are_complete=False, attributes=None)
    return replace(vm, memfds=memfds, attributes=None)
