"""Which threads run vCPUs, without an event for each KVM_RUN.

A thread that is seen to exit to user space runs a vCPU, and enters it again at once. So the filter
of sys_enter_ioctl lets the KVM_RUN of such threads pass, until one of each was seen.
"""

from collections.abc import Callable

import numpy as np

from collector.ftrace.probes import CALLS, KVM_RUN, any_of
from collector.records import CallArray, CallCode, RecordArray, RecordCode

_AT_ONCE = 64
"""Threads that a filter names; the others have to wait."""


class VcpuThreads:
    def __init__(self) -> None:
        self._known: set[int] = set()
        self._sought: set[int] = set()

    def look_at(self, records: RecordArray) -> None:
        """Records of all CPUs since the last time."""
        codes = records["code"]
        exits = np.unique(records["tid"][codes == RecordCode.USERSPACE_EXIT])
        enters = records[codes == RecordCode.IOCTL_ENTER]
        runs = enters["tid"][enters["v"][:, 1] & 0xFFFFFFFF == KVM_RUN]
        self._known.update(runs.tolist())
        self._sought = (self._sought | set(exits.tolist())) - self._known

    def learn(self, calls: CallArray, process_of: Callable[[int], int]) -> None:
        """A process that made another vCPU may run it by a thread that ran one before."""
        gone = set(calls["v"][calls["code"] == CallCode.PROCESS_EXIT, 0].tolist())
        self._sought -= gone
        self._known -= gone
        made = set(calls["tgid"][calls["code"] == CallCode.CREATE_VCPU].tolist())
        if made:
            self._known = {tid for tid in self._known if process_of(tid) not in made}

    def filter(self) -> str:
        """What of sys_enter_ioctl to record."""
        threads = "||".join(f"common_pid=={tid}" for tid in sorted(self._sought)[:_AT_ONCE])
        calls = any_of(*CALLS)
        return f"{calls}||(cmd=={KVM_RUN:#x}&&({threads}))" if threads else calls
