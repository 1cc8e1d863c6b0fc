"""Which part of a guest_memfd is really backed, without its owner's help."""

import os
import time
from collections.abc import Iterator
from itertools import count

from app.model.guest import PAGE_SHIFT, PAGES_PER_2M
from collector.capture.inventory._kernel_calls import borrowed_fd, pages_in_cache
from collector.vm_inventory import FoundPopulation

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
