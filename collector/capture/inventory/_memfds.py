"""The guest_memfds of a process, and what exists of each."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from app.model.guest import PAGE_SHIFT
from collector.capture.inventory._kernel_calls import borrowed_fd, can_be_mapped
from collector.capture.inventory._population import OtherFileError, population
from collector.capture.inventory._processes import PROC
from collector.vm_inventory import FoundMemfd

GIB = 1 << 30
NS_PER_S = 1_000_000_000


def memfds_of(pid: int, fds: Sequence[int]) -> tuple[FoundMemfd, ...]:
    """Each once, with all the numbers that name it there."""
    by_inode: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
    for fd in fds:
        try:
            stat = (PROC / str(pid) / "fd" / str(fd)).stat()
        except OSError:
            continue
        by_inode[stat.st_dev, stat.st_ino, stat.st_size].append(fd)
    return tuple(FoundMemfd(tuple(fds), *which) for which, fds in by_inode.items())


class Counting:
    """Counts the pages of guest_memfds for `seconds` in all."""

    def __init__(self, seconds: float, notes: dict[str, None]) -> None:
        self._deadline_ns = time.monotonic_ns() + int(seconds * NS_PER_S)
        self._notes = notes

    def counted(self, pid: int, memfd: FoundMemfd) -> FoundMemfd:
        """With what exists of it and whether it can be mapped, as far as the kernel shows it."""
        fd = memfd.fds[0]
        try:
            with borrowed_fd(pid, fd) as ours:
                memfd = replace(memfd, can_be_mapped=can_be_mapped(ours))
            found = population(pid, fd, memfd.dev, memfd.ino, memfd.size, self._deadline_ns)
        except (OtherFileError, ProcessLookupError):
            return memfd
        except OSError as error:
            reason = (
                f"The pages of guest_memfds cannot be counted by cachestat(2): {error.strerror}."
            )
            self._notes[reason] = None
            return memfd
        self._note_rest(pid, memfd, sum(one.npages for one in found) << PAGE_SHIFT)
        return replace(memfd, population=found)

    def _note_rest(self, pid: int, memfd: FoundMemfd, counted: int) -> None:
        if counted < memfd.size:
            self._notes[
                f"Of the guest_memfd {memfd.fds[0]} of pid {pid} the first {counted / GIB:.1f} of "
                f"{memfd.size / GIB:.1f} GiB were counted: the rest would have taken too long."
            ] = None
