"""System calls that Python does not offer. Each raises OSError as the kernel answers."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from collector.kvm import uapi

_PIDFD_GETFD = uapi.SYSTEM_CALL_NUMBERS["pidfd_getfd"]
_CACHESTAT = uapi.SYSTEM_CALL_NUMBERS["cachestat"]
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "s390x": 343, "ppc64le": 354}
_KCMP_FILE = 0
_PROT_NONE, _MAP_SHARED = 0, 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_MAP_FAILED = ctypes.c_void_p(-1).value


def same_file(pid_a: int, fd_a: int, pid_b: int, fd_b: int) -> int:
    """0 if both descriptors name one open file; else -1 or 1, which orders them, by kcmp(2)."""
    number = _KCMP.get(platform.machine(), -1)  # -1: no such call
    order = _call(number, pid_a, pid_b, _KCMP_FILE, fd_a, fd_b)
    return 0 if order == 0 else -1 if order == 1 else 1


@contextmanager
def borrowed_fd(pid: int, fd: int) -> Iterator[int]:
    """A descriptor of ours for a file that another process has open (pidfd_getfd(2)).

    Keep it as briefly as can be: while it is open, the file lives on although its owner is gone,
    and a guest_memfd holds the guest's memory.
    """
    pidfd = os.pidfd_open(pid)
    try:
        ours = _call(_PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)
    try:
        yield ours
    finally:
        os.close(ours)


def pages_in_cache(fd: int, offset: int, size: int) -> int:
    """How many pages of a range of a file exist, by cachestat(2)."""
    file_range = (ctypes.c_uint64 * 2)(offset, size)
    counts = (ctypes.c_uint64 * 5)()  # nr_cache, nr_dirty, nr_writeback, nr_evicted, ...
    _call(_CACHESTAT, fd, ctypes.byref(file_range), ctypes.byref(counts), 0)
    return int(counts[0])


def can_be_mapped(fd: int) -> bool:
    """Whether mmap(2) accepts a file. The mapping allows no access, so it touches no page."""
    size = os.sysconf("SC_PAGE_SIZE")
    address = _libc.mmap(None, size, _PROT_NONE, _MAP_SHARED, fd, 0)
    if address == _MAP_FAILED:
        return False
    _libc.munmap(address, size)
    return True


def _call(number: int, *arguments: object) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result
