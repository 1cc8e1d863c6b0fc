"""Rare calls that concern nobody in the floods around them: most of a host's are such.

Whoever records closes, clones and exits records those of the whole host. They must cost next to
nothing, so they do not divide a flood.
"""

from functools import cached_property

import numpy as np

from collector.assemble.identity import Processes, VmIoctls, Vms
from collector.codes import CallCode
from collector.records import CallArray

_OF_DESCRIPTORS = (CallCode.CLOSE, CallCode.DUP)
_OF_TASKS = (CallCode.NEW_TASK, CallCode.PROCESS_EXIT, CallCode.PROCESS_EXEC)


class UnrelatedCalls:
    """Of one batch of calls. Codes of `in_flood` are those that floods consist of."""

    def __init__(
        self,
        calls: CallArray,
        in_flood: np.ndarray[tuple[int], np.dtype[np.bool_]],
        vms: Vms,
        processes: Processes,
    ) -> None:
        self._calls = calls
        self._in_flood = in_flood
        self._vms = vms
        self._processes = processes
        self._vm_ioctls = VmIoctls(calls)

    def is_of_none_of_our_files(self, at: int, start: int, code: int, tid: int, fd: int) -> bool:
        """Most files that a process closes or duplicates are none of ours: neither known, nor to
        become known by the VM ioctls of the flood that begins at `start`: a thread of no known
        process knows what its own made known, another one what was made known by that fd, unless
        by threads of other processes alone."""
        if code == CallCode.CLOSE_RANGE:
            tasks = {tid, self._vms.owner(tid)}
            return not tasks & self._busy and not any(map(self._vms.owns_files, tasks))
        if code not in _OF_DESCRIPTORS or self._vms.file(tid, fd) is not None:
            return False
        if code == CallCode.DUP and self._vms.file(tid, int(self._calls["ret"][at])) is not None:
            return False
        process = self._processes.of(tid)
        if process is None:
            return self._vm_ioctls.last_by_thread(at) < start
        if self._vm_ioctls.last_on_fd(at) < start:
            return True
        callers = map(self._processes.of, self._vm_ioctls.threads_on_fd(fd))
        return all(caller not in (None, process) for caller in callers)

    def is_of_strangers(self, at: int, code: int) -> bool:
        """A task came, ended or runs another program that neither makes calls in this batch nor
        has anything of ours open: it may be followed without the flood before it."""
        if code not in _OF_TASKS:
            return False
        tasks = {int(self._calls["v"][at, 0])}
        if code == CallCode.PROCESS_EXEC:
            tasks.add(int(self._calls["v"][at, 1]))
        tgid = int(self._calls["tgid"][at])
        if code != CallCode.NEW_TASK and tgid:
            tasks.add(tgid)
        of_tasks = map(self._processes.of, tasks)
        concerned = tasks | {process for process in of_tasks if process is not None}
        return not concerned & self._busy and not any(map(self._vms.owns_files, concerned))

    @cached_property
    def _busy(self) -> set[int]:
        """The threads and processes that make calls which floods consist of."""
        mine = self._in_flood[self._calls["code"]]
        threads = set(np.unique(self._calls["tid"][mine]).tolist())
        recorded = set(np.unique(self._calls["tgid"][mine]).tolist())
        known = map(self._processes.of, threads)
        return threads | recorded | {process for process in known if process is not None}
