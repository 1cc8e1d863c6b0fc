"""Calls by which VMs, vCPUs, descriptors, threads and processes come and go."""

import numpy as np

from app.model.guest import UNKNOWN_VCPU, Certainty
from collector.assemble.floods import everything_doubted
from collector.assemble.identity import Append, Caller, Finder, Processes, Vcpu, Vms, caller_of
from collector.codes import SAW_EXIT, SAW_STRUCT, CallCode
from collector.kvm import uapi

FD_MASK = 0xFFFFFFFF
"""close_range() takes unsigned numbers."""


class ProcessCalls:
    """Carries them out, one by one. `t` is when a call returned."""

    def __init__(self, vms: Vms, processes: Processes, append: Append) -> None:
        self._vms = vms
        self._finder = Finder(vms)
        self._processes = processes
        self._append = append

    def follow(self, call: np.void, t: int) -> None:
        match int(call["code"]):
            case CallCode.CREATE_VM:
                self._create_vm(call, t)
            case CallCode.CREATE_VCPU:
                self._create_vcpu(call, t)
            case CallCode.VCPU_RUN:
                self._run_vcpu(call)
            case CallCode.CLOSE:
                self._close(call, t)
            case CallCode.CLOSE_RANGE:
                self._close_range(call, t)
            case CallCode.DUP:
                self._dup(call, t)
            case CallCode.NEW_TASK:
                self._new_task(call, t)
            case CallCode.PROCESS_EXEC:
                self._exec(call, t)
            case CallCode.PROCESS_EXIT:
                self._process_exit(call, t)

    def _create_vm(self, call: np.void, t: int) -> None:
        caller = Caller(int(call["tid"]), int(call["ret"]), 0)
        vm_type = int(call["v"][0]) if call["flags"] & SAW_STRUCT else None
        if self._vms.renew_only(t, vm_type):
            return
        self.doubt_others(caller, t)
        self._vms.create(caller, t, Certainty.SEEN, vm_type, t)

    def doubt_others(self, caller: Caller, t: int) -> None:
        """The fd may name a new VM from now on: where nothing shows that another process has the
        old one under that number, the old one may be it, and nothing is known of its pages. (That
        of a struct kvm * is known by that.)"""
        for vm in self._vms.rivals.candidates(caller):
            if vm.kvm is None:
                self._append(vm, everything_doubted(caller.tid, t))

    def _create_vcpu(self, call: np.void, t: int) -> None:
        """It makes the fd known. Who created a vCPU need not be the one who runs it."""
        caller = caller_of(call)
        vm = self._finder.find_or_create(caller, t)
        if not self._vms.known.is_unattributed(vm) and self._finder.is_certain(caller, vm):
            was_read = call["flags"] & SAW_STRUCT
            vcpu = Vcpu(vm, int(call["v"][0]) if was_read else UNKNOWN_VCPU)
            self._vms.open(int(call["tid"]), int(call["ret"]), vcpu, t)

    def _run_vcpu(self, call: np.void) -> None:
        file = self._vms.file(int(call["tid"]), int(call["fd"]))
        if isinstance(file, Vcpu):
            self._vms.runs(int(call["tid"]), file)

    def _close(self, call: np.void, t: int) -> None:
        if int(call["ret"]) == 0:
            self._vms.close(int(call["tid"]), int(call["fd"]), t, is_inferred=False)

    def _close_range(self, call: np.void, t: int) -> None:
        """Flags make it close nothing, or only what the thread shares with no other from then on
        (CLOSE_RANGE_CLOEXEC and _UNSHARE, include/uapi/linux/close_range.h)."""
        first, last = int(call["fd"]) & FD_MASK, int(call["v"][0]) & FD_MASK
        if int(call["ret"]) != 0 or int(call["v"][1]) != 0:
            return
        tid = int(call["tid"])
        for fd in self._vms.fds(tid):
            if first <= fd <= last:
                self._vms.close(tid, fd, t, is_inferred=False)

    def _dup(self, call: np.void, t: int) -> None:
        """dup2() closes what the new number named before."""
        tid, fd, ret = int(call["tid"]), int(call["fd"]), int(call["ret"])
        if ret < 0 or not call["flags"] & SAW_EXIT or ret == fd:
            return
        file = self._vms.file(tid, fd)
        if file is not None:
            self._vms.open(tid, ret, file, t)
        else:
            self._vms.close(tid, ret, t, is_inferred=True)

    def _new_task(self, call: np.void, t: int) -> None:
        """What had the number of the new task before is gone, whether its end was seen or not."""
        child, clone_flags = int(call["v"][0]), int(call["v"][1])
        self._vms.thread_exited(child)
        if not clone_flags & uapi.CLONE_THREAD:
            self._vms.end_process(child, t, is_inferred=True)
        self._processes.cloned(int(call["tid"]), child, clone_flags)

    def _exec(self, call: np.void, t: int) -> None:
        """The calling thread becomes the only one of its process, and takes its number."""
        pid, old_tid = int(call["v"][0]), int(call["v"][1])
        process = self._processes.of(old_tid)
        for tid in (pid, old_tid):
            self._vms.thread_exited(tid)
        self._vms.exec(pid if process is None else process, t)
        self._processes.began(pid)

    def _process_exit(self, call: np.void, t: int) -> None:
        """Of threads that stand for themselves there may be more: whether their process ended is
        not known."""
        pid, group_dead = int(call["v"][0]), int(call["v"][1].astype(np.int64))
        self._vms.thread_exited(pid)
        group = self._vms.owner(pid)
        is_certain = group_dead == 1 or self._processes.is_known(group)
        process = self._processes.exited(pid, group_dead)
        if process is not None:
            self._vms.end_process(process, t, is_inferred=not is_certain)
