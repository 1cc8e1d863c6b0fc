"""Memory that is free again goes back to the kernel."""

import ctypes
import threading
import time
from contextlib import suppress

import pyarrow as pa

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""mallopt(3), <malloc.h>."""
OWN_MAPPING_BYTES = 256 << 10
ARENAS = 2
TRIM_EVERY_S = 5
WORTH_TRIMMING_BYTES = 24 << 20


class _MallocInfo(ctypes.Structure):
    """struct mallinfo2 of mallinfo(3)."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def return_free_memory() -> None:
    """Have large arrays mapped one by one and unmapped when they are freed, and the room that
    smaller ones leave given back now and then.

    glibc raises its threshold to the largest that was freed, up to 32 MiB, and has an arena for
    each thread: large arrays then lie between small objects, and what they leave stays
    resident. The pool that Arrow brings along keeps what it freed besides. Other C libraries have
    none of these functions.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)
        libc.mallopt(M_ARENA_MAX, ARENAS)
        libc.mallinfo2.restype = _MallocInfo
        threading.Thread(target=_trim, args=(libc,), name="trim", daemon=True).start()


def _trim(libc: ctypes.CDLL) -> None:
    while True:
        time.sleep(TRIM_EVERY_S)
        if libc.mallinfo2().fordblks > WORTH_TRIMMING_BYTES:
            libc.malloc_trim(0)
