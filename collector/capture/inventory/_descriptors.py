"""Which descriptors of a process are KVM's, by what /proc/PID/fd calls them."""

import re
from dataclasses import dataclass, field

from collector.capture.inventory._processes import PROC

_VM = "anon_inode:kvm-vm"
_VCPU = re.compile(r"anon_inode:kvm-vcpu:(\d+)")
_MEMFD = re.compile(r"(anon_inode:|/)\[?kvm-gmem\]?( \(deleted\))?")
"""The second form is that of kernels that give guest_memfds a file system of their own (Linux
6.19, virt/kvm/guest_memfd.c, kvm_gmem_init_mount)."""


@dataclass(slots=True)
class KvmFds:
    """The descriptors of one process, by number."""

    vms: list[int] = field(default_factory=list)
    vcpus: dict[int, int] = field(default_factory=dict)  # -> vCPU id
    memfds: list[int] = field(default_factory=list)

    def add(self, fd: int, called: str) -> None:
        """Take in a descriptor if it is KVM's, by what the kernel calls it."""
        if called == _VM:
            self.vms.append(fd)
        elif vcpu := _VCPU.fullmatch(called):
            self.vcpus[fd] = int(vcpu[1])
        elif _MEMFD.fullmatch(called):
            self.memfds.append(fd)

    @property
    def is_empty(self) -> bool:
        return not (self.vms or self.vcpus or self.memfds)


def kvm_fds(pid: int) -> KvmFds:
    """Raises PermissionError; of a process that is gone there are none."""
    found = KvmFds()
    folder = PROC / str(pid) / "fd"
    try:
        numbers = sorted(int(path.name) for path in folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return found
    for fd in numbers:
        found.add(fd, called_by(pid, fd))
    return found


def is_vm(pid: int, fd: int) -> bool:
    return called_by(pid, fd) == _VM


def inode_of(pid: int, fd: int) -> tuple[int, int] | None:
    """st_dev and st_ino of a guest_memfd; None: it is gone, or may not be looked at."""
    if not _MEMFD.fullmatch(called_by(pid, fd)):
        return None
    try:
        stat = (PROC / str(pid) / "fd" / str(fd)).stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def called_by(pid: int, fd: int) -> str:
    """What the kernel calls an open file; empty if it was closed."""
    try:
        return str((PROC / str(pid) / "fd" / str(fd)).readlink())
    except OSError:
        return ""
