"""Which thread runs which vCPU, by what it waits in or what QEMU calls it."""

import re
import time
from collections.abc import Iterator, Mapping

from collector.capture.inventory._processes import PROC, command_of, is_kernel_worker, thread_ids
from collector.kvm import uapi

SAMPLES = 5
SECONDS_BETWEEN = 0.01
_IOCTL = {16, 29, 54}
"""ioctl(2) on x86-64; on arm64 and riscv64; on s390x and ppc64."""

_QEMU_CPU = re.compile(r"CPU (\d+)/KVM")


def vcpu_threads(vcpus: Mapping[int, Mapping[int, int]]) -> dict[int, dict[int, int]]:
    """For each process, given by its vCPU descriptors: thread -> the vCPU id that it runs.

    A thread that sleeps inside KVM_RUN proves it; one that runs shows no call and is looked at
    a few times. For the others QEMU's own names count (`-name debug-threads=on`), if they agree.
    """
    proven: dict[int, dict[int, int]] = {pid: {} for pid in vcpus}
    for sample in range(SAMPLES):
        missing = [pid for pid in vcpus if len(proven[pid]) < len(set(vcpus[pid].values()))]
        if not missing:
            break
        if sample:
            time.sleep(SECONDS_BETWEEN)
        for pid in missing:
            proven[pid].update(_running(pid, vcpus[pid], known=proven[pid]))
    return {pid: _with_names(pid, vcpus[pid], proven[pid]) for pid in vcpus}


def _running(
    pid: int, vcpus: Mapping[int, int], known: Mapping[int, int]
) -> Iterator[tuple[int, int]]:
    for tid in thread_ids(pid):
        fd = None if tid in known else _fd_run(pid, tid)
        if fd is not None and fd in vcpus and not is_kernel_worker(pid, tid):
            yield tid, vcpus[fd]


def _fd_run(pid: int, tid: int) -> int | None:
    """The descriptor that a thread is in ioctl(KVM_RUN) on, if it sleeps there.

    /proc/PID/task/TID/syscall: the call's number and its arguments in hex, or "running".
    """
    try:
        words = (PROC / str(pid) / "task" / str(tid) / "syscall").read_text().split()
    except OSError:
        return None
    if len(words) < 3 or not words[0].isdecimal() or int(words[0]) not in _IOCTL:
        return None
    return int(words[1], 16) if int(words[2], 16) == uapi.KVM_RUN else None


def _with_names(pid: int, vcpus: Mapping[int, int], proven: dict[int, int]) -> dict[int, int]:
    """QEMU names threads by cpu_index; on x86 the vCPU id is the APIC id. Both ascend alike, so
    they are the same where they are the same set."""
    named = {}
    for tid in thread_ids(pid):
        if name := _QEMU_CPU.fullmatch(command_of(pid, tid)):
            named[tid] = int(name[1])
    agrees = all(named.get(tid, vcpu) == vcpu for tid, vcpu in proven.items())
    if not agrees or set(named.values()) != set(vcpus.values()):
        return proven
    return named | proven
