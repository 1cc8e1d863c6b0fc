"""Memory that is free again goes back to the kernel at once."""

import ctypes
from contextlib import suppress

import pyarrow as pa

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""mallopt(3), <malloc.h>."""
OWN_MAPPING_BYTES = 1 << 20
ARENAS = 2


def return_free_memory() -> None:
    """Have large arrays mapped one by one, and unmapped when they are freed.

    glibc raises its threshold to the largest that was freed, up to 32 MiB, and has an arena for
    each thread: arrays of megabytes then lie between small objects that hold the arena, and their
    room stays resident. The pool that Arrow brings along keeps what it freed besides. Other C
    libraries have no mallopt, or ignore it.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())
