"""Rows of the thread table and of the calls, as compiled code makes them."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_part, mixed, slot_of
from collector.pairing import _state as s

Words = npt.NDArray[np.int64]


@hot_part
def find_thread(table: Words, shared: Words, tid: int) -> int:
    """The thread's row, made if new; -1 if the table is too full."""
    at = int(slot_of(is_row, table, len(table), mixed(tid), tid))
    if table[at, s.TID] != 0:
        return at
    if 2 * (shared[s.THREADS] + 1) > len(table):
        return -1
    shared[s.THREADS] += 1
    table[at, s.TID] = tid + 1
    return at


@hot_part
def is_row(table: Words, at: int, tid: int) -> bool:
    return bool(table[at, s.TID] == 0 or table[at, s.TID] == tid + 1)


@hot_part
def emit(
    table: Words, at: int, out: Words, n: int, code: int, flags: int, ts_enter: int, ts_exit: int
) -> int:
    """Write a CALL of the thread that holds nothing else yet; returns the next free place."""
    out[n, 0] = ts_enter
    out[n, 1] = ts_exit
    out[n, 2] = (table[at, s.TID] - 1) & 0xFFFFFFFF
    out[n, 3] = (table[at, s.CPU] & 0xFFFF) | code << 16 | flags << 24 | 0xFFFF << 48
    out[n, 4] = 0
    out[n, 5] = 0xFFFFFFFF  # fd -1
    for k in range(s.CALL_RET, s.CALL_WORDS):
        out[n, k] = 0
    return n + 1


@hot_part
def set_flag(out: Words, n: int, flag: int) -> None:
    out[n, 3] |= flag << 24


@hot_part
def set_cause(out: Words, n: int, cause: int, certainty: int, vcpu_plus_one: int) -> None:
    low = out[n, 3] & 0xFFFFFFFF
    out[n, 3] = low | cause << 32 | certainty << 40 | ((vcpu_plus_one - 1) & 0xFFFF) << 48


@hot_part
def set_vcpu_file(table: Words, at: int, out: Words, n: int) -> None:
    """What the thread's last KVM_RUN and page fault show of the vCPU it runs."""
    out[n, 5] = (table[at, s.RUN_FD] - 1) & 0xFFFFFFFF
    set_cause(out, n, s.NONE, s.NONE, table[at, s.VCPU])


@hot_part
def sign_extended(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
