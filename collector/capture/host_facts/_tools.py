"""Programs and system calls that a collector can use."""

import ctypes
import errno
import importlib.util
import os
import shutil
from dataclasses import dataclass

from collector.capture.host_facts._tree import Tree
from collector.kvm.uapi import SYSTEM_CALL_NUMBERS

PROGRAMS = ("bpftrace", "perf", "trace-cmd", "qemu-system-x86_64")


@dataclass(frozen=True, slots=True)
class ToolFacts:
    programs: dict[str, str | None]  # name -> path
    has_drgn: bool
    kcore: bool | None  # None: this caller may not look
    kernel_debug_info: str | None  # path of a vmlinux with DWARF, where packages put it
    system_calls: dict[str, bool]


def tool_facts(tree: Tree, release: str) -> ToolFacts:
    kcore = tree.has("/proc/kcore")
    if kcore and not os.access(tree.path("/proc/kcore"), os.R_OK):
        kcore = None
    return ToolFacts(
        programs={name: shutil.which(name) for name in PROGRAMS},
        has_drgn=importlib.util.find_spec("drgn") is not None,
        kcore=kcore,
        kernel_debug_info=next((p for p in vmlinux_paths(release) if tree.has(p)), None),
        system_calls={
            name: has_system_call(number) for name, number in SYSTEM_CALL_NUMBERS.items()
        },
    )


def vmlinux_paths(release: str) -> tuple[str, ...]:
    """Where drgn looks for debugging information of the running kernel."""
    return (
        f"/usr/lib/debug/boot/vmlinux-{release}",
        f"/usr/lib/debug/lib/modules/{release}/vmlinux",
        f"/usr/lib/debug/lib/modules/{release}/vmlinux.debug",
        f"/lib/modules/{release}/build/vmlinux",
        f"/boot/vmlinux-{release}",
    )


def has_system_call(number: int) -> bool:
    """Asked with descriptors that cannot be: EBADF where the kernel has it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 4)
    return ctypes.get_errno() != errno.ENOSYS
