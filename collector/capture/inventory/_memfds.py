"""The guest_memfds of a process, and how much of each is allocated, without its owner's help."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from app.model.guest import PAGE_SHIFT, PAGES_PER_2M
from collector.capture.inventory._kernel_calls import borrowed_fd, can_be_mapped, pages_in_cache
from collector.capture.inventory._processes import PROC
from collector.vm_inventory import FoundMemfd, FoundPopulation

SIZE_2M = PAGES_PER_2M << PAGE_SHIFT

MOST_RANGES = 4096
"""Larger files are counted in coarser ranges, so that any file costs as many calls."""

LOAN_NS = 2_000_000
"""A file is borrowed anew after this long: if its owner dies meanwhile, the guest's memory is freed
as soon as the call at hand returns."""


class OtherFileError(Exception):
    """The descriptor names another file by now."""


def population(
    pid: int, fd: int, dev: int, ino: int, size: int, deadline_ns: int
) -> tuple[FoundPopulation, ...]:
    """What exists of a guest_memfd, neighbours of the same density joined.

    The kernel walks all pages that exist, some 0.1 us each: what lies beyond `deadline_ns` (of
    the monotonic clock) is not counted. Raises OSError where the kernel cannot or will not count,
    OtherFileError if it is another file.
    """
    found: list[FoundPopulation] = []
    ranges = _ranges(size)
    for first, length in ranges:
        until = time.monotonic_ns() + LOAN_NS
        with borrowed_fd(pid, fd) as ours:
            _check(ours, dev, ino)
            _join(found, _count(ours, first, length))
            while time.monotonic_ns() < min(until, deadline_ns) and (more := next(ranges, None)):
                _join(found, _count(ours, *more))
        if time.monotonic_ns() > deadline_ns:
            break
    return tuple(found)


def _ranges(size: int) -> Iterator[tuple[int, int]]:
    """Offset and length: multiples of 2 MiB."""
    blocks = -(-size // SIZE_2M)
    step = SIZE_2M * max(1, -(-blocks // MOST_RANGES))
    for offset in count(0, step):
        if offset >= size:
            return
        yield offset, min(step, size - offset)


def _check(fd: int, dev: int, ino: int) -> None:
    now = os.fstat(fd)
    if (now.st_dev, now.st_ino) != (dev, ino):
        raise OtherFileError


def _count(fd: int, offset: int, size: int) -> FoundPopulation:
    return FoundPopulation(offset, size >> PAGE_SHIFT, pages_in_cache(fd, offset, size))


def _join(found: list[FoundPopulation], counted: FoundPopulation) -> None:
    """Add a range; all or nothing of it and of the one before makes them one."""
    before = found[-1] if found else None
    if before is None or _density(before) is None or _density(before) != _density(counted):
        found.append(counted)
        return
    npages = before.npages + counted.npages
    found[-1] = FoundPopulation(before.offset, npages, before.populated + counted.populated)


def _density(counted: FoundPopulation) -> int | None:
    """1: all pages exist; 0: none; None: some."""
    if counted.populated == 0:
        return 0
    return 1 if counted.populated == counted.npages else None


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
