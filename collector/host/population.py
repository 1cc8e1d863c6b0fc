"""Which part of a guest_memfd is really backed, without its owner's help."""

import os
import time
from collections.abc import Iterator

from app.model.events import PAGE_SHIFT, PAGES_PER_2M
from collector.host.found import FoundPopulation
from collector.host.kernel_calls import borrowed_fd, pages_in_cache

MOST_RANGES = 4096
"""Larger files are counted in coarser ranges, so that any file costs as many calls."""

RANGES_A_LOAN = 64
"""The file is borrowed anew for every so many ranges: if its owner dies meanwhile, the guest's
memory is freed within about a millisecond."""

MOST_NS = 1_000_000_000
"""For one file: the kernel walks the pages that exist, some 5 ns each."""

SIZE_2M = PAGES_PER_2M << PAGE_SHIFT


class OtherFileError(Exception):
    """The descriptor names another file by now."""


def population(
    pid: int, fd: int, dev: int, ino: int, size: int
) -> tuple[tuple[FoundPopulation, ...], bool]:
    """What exists of a guest_memfd, neighbours of the same density joined, and whether all of it
    was looked at in the time that this may take.

    Raises OSError where the kernel cannot or will not tell, OtherFileError if it is another one.
    """
    step = range_size(size)
    found: list[FoundPopulation] = []
    deadline = time.monotonic_ns() + MOST_NS
    for first in range(0, size, step * RANGES_A_LOAN):
        if time.monotonic_ns() > deadline:
            return tuple(found), False
        end = min(size, first + step * RANGES_A_LOAN)
        with borrowed_fd(pid, fd) as ours:
            _check(ours, dev, ino)
            for counted in _count(ours, first, end, step):
                _join(found, counted)
    return tuple(found), True


def range_size(size: int) -> int:
    """Bytes of the ranges in which a file is counted: a multiple of 2 MiB."""
    blocks = -(-size // SIZE_2M)
    return SIZE_2M * max(1, -(-blocks // MOST_RANGES))


def _check(fd: int, dev: int, ino: int) -> None:
    now = os.fstat(fd)
    if (now.st_dev, now.st_ino) != (dev, ino):
        raise OtherFileError


def _count(fd: int, first: int, end: int, step: int) -> Iterator[FoundPopulation]:
    for offset in range(first, end, step):
        size = min(step, end - offset)
        yield FoundPopulation(offset, size >> PAGE_SHIFT, pages_in_cache(fd, offset, size))


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
