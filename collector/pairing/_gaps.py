"""What a gap leaves of what is known of a thread. Compiled; see pairing_state for names."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part
from collector.pairing import _state as s
from collector.pairing._rows import emit

Words = npt.NDArray[np.int64]


@hot_part
def may_have_lost(table: Words, at: int, shared: Words, cpu: int, since: int) -> bool:
    """Whether something of the thread may be missing since a record of it on `cpu`.

    A thread that is still on the same CPU is taken to have stayed there: only that CPU's gaps
    count then, and those of which the CPU is not known.
    """
    if cpu != table[at, s.CPU]:
        return bool(shared[s.OPEN_GAPS] > 0 or shared[s.LAST_GAP_END] > since)
    own, any_cpu = s.GAPS_BY_CPU + 2 * cpu, s.GAPS_BY_CPU + 2 * s.UNKNOWN_CPU
    is_open = shared[own] > 0 or shared[any_cpu] > 0
    return bool(is_open or shared[own + 1] > since or shared[any_cpu + 1] > since)


@hot_part
def meet(table: Words, at: int, shared: Words, ts: int, cpu: int) -> None:
    """A record of the thread comes: forget what a gap before it leaves uncertain.

    Why the thread is in user space is certain only if no CPU has lost anything: it may have been
    anywhere meanwhile. So it is before its first record.
    """
    last_cpu = table[at, s.CPU]
    table[at, s.CPU] = cpu
    if table[at, s.GAPS_SEEN] != shared[s.GAPS_PASSED] or shared[s.OPEN_GAPS] > 0:
        lose_track(table, at, shared, last_cpu)
    table[at, s.LAST_TS] = ts


@hot_in_place
def lose_track(table: Words, at: int, shared: Words, last_cpu: int) -> None:
    table[at, s.IN_DOUBT], table[at, s.REQUEST], table[at, s.FAULT_GPA] = 1, s.REQUEST_NONE, 0
    if table[at, s.GAPS_SEEN] != shared[s.GAPS_PASSED]:
        table[at, s.MAY_RETURN] = 1
    table[at, s.GAPS_SEEN] = shared[s.GAPS_PASSED]
    if may_have_lost(table, at, shared, last_cpu, table[at, s.LAST_TS]):
        table[at, s.RUN_FD] = table[at, s.VCPU] = 0


@hot_in_place
def pass_gap(shared: Words, out: Words, n: int, records: Words, i: int) -> int:
    """LOSS_BEGIN and LOSS_END belong to a CPU, not to a thread."""
    cpu, ts = (records[i, 1] >> 32) & 0xFFFF, records[i, 0]
    by_cpu = s.GAPS_BY_CPU + 2 * cpu
    code, change = s.LOSS_BEGIN, 1
    if (records[i, 1] >> 48) & 0xFF == s.R_LOSS_END:
        code, change = s.LOSS_END, -1
        shared[s.LAST_GAP_END] = ts
        shared[by_cpu + 1] = ts
    shared[s.GAPS_PASSED] += 1
    shared[s.OPEN_GAPS] += change
    shared[by_cpu] += change
    for k in range(s.CALL_WORDS):
        out[n, k] = 0
    out[n, 0], out[n, 1] = ts, ts
    out[n, 3] = cpu | code << 16 | 0xFFFF << 48
    out[n, 5] = 0xFFFFFFFF
    out[n, s.CALL_V], out[n, s.CALL_V + 1] = records[i, 2], records[i, 3]
    return n + 1


@hot_part
def return_late(table: Words, at: int, shared: Words, out: Words, n: int, ts: int) -> int:
    """A return that belongs to no entry: if that was lost in a gap, or lies before the recording,
    the call may have changed something since. (While a gap is open, its end will show that.)"""
    since = shared[s.LAST_GAP_END]
    is_possible = shared[s.GAPS_PASSED] > 1 or ts - since < s.IN_FLIGHT_NS
    if table[at, s.MAY_RETURN] and shared[s.OPEN_GAPS] == 0 and is_possible:
        n = emit(table, at, out, n, s.LATE_RETURN, s.ENTERED, since, since)
        n = emit(table, at, out, n, s.LATE_RETURN, s.LEFT, ts, ts)
    table[at, s.MAY_RETURN] = 0
    return n
