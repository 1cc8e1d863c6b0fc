"""What a gap leaves of what is known of a thread. Compiled; see _state for names."""

from app.compiled import hot_in_place, hot_part
from collector.codes import CallCode, RecordCode
from collector.pairing import _state as s
from collector.pairing._rows import begin_call, emit
from collector.pairing._state import Request, Row, Tables


@hot_part
def may_have_lost(tables: Tables, thread: Row, cpu: int, since: int) -> bool:
    """Whether something of the thread may be missing since a record of it on `cpu`.

    A thread that is still on the same CPU is taken to have stayed there: only that CPU's gaps
    count then, and those of which the CPU is not known.
    """
    if cpu != thread.cpu:
        shared = tables.shared[0]
        return bool(shared.open_gaps > 0 or shared.last_gap_end > since)
    own, any_cpu = tables.gaps[cpu], tables.gaps[s.UNKNOWN_CPU]
    is_open = own.open > 0 or any_cpu.open > 0
    return bool(is_open or own.last_end > since or any_cpu.last_end > since)


@hot_part
def may_lack_exit(tables: Tables, thread: Row) -> bool:
    """Whether the exit of the open call may have been lost."""
    return may_have_lost(tables, thread, thread.enter_cpu, thread.ts_enter)


@hot_part
def meet(tables: Tables, thread: Row, record: Row) -> None:
    """A record of the thread comes: forget what a gap before it leaves uncertain.

    Why the thread is in user space is certain only if no CPU has lost anything: it may have been
    anywhere meanwhile. So it is before its first record.
    """
    shared = tables.shared[0]
    last_cpu = thread.cpu
    thread.cpu = record.cpu
    if thread.gaps_seen != shared.gaps_passed or shared.open_gaps > 0:
        lose_track(tables, thread, last_cpu)
    thread.last_ts = record.ts


@hot_in_place
def lose_track(tables: Tables, thread: Row, last_cpu: int) -> None:
    thread.in_doubt, thread.request, thread.fault_gpa = 1, Request.NONE, 0
    if thread.gaps_seen != tables.shared[0].gaps_passed:
        thread.may_return = 1
    thread.gaps_seen = tables.shared[0].gaps_passed
    if may_have_lost(tables, thread, last_cpu, thread.last_ts):
        thread.run_fd, thread.vcpu = 0, 0


@hot_in_place
def pass_gap(tables: Tables, record: Row) -> None:
    """LOSS_BEGIN and LOSS_END belong to a CPU, not to a thread."""
    shared, gaps = tables.shared[0], tables.gaps[record.cpu]
    call = tables.calls[shared.calls]
    shared.calls += 1
    code, change = CallCode.LOSS_BEGIN, 1
    if record.code == RecordCode.LOSS_END:
        code, change = CallCode.LOSS_END, -1
        shared.last_gap_end = record.ts
        gaps.last_end = record.ts
    shared.gaps_passed += 1
    shared.open_gaps += change
    gaps.open += change
    begin_call(call, code, s.NONE, record.ts, record.ts)
    call.cpu = record.cpu
    call.v[0], call.v[1] = record.v[0], record.v[1]


@hot_part
def return_late(tables: Tables, thread: Row, ts: int) -> None:
    """A return that belongs to no entry: if that was lost in a gap, or lies before the recording,
    the call may have changed something since. (While a gap is open, its end will show that.)"""
    shared = tables.shared[0]
    since = shared.last_gap_end
    is_possible = shared.gaps_passed > 1 or ts - since < s.IN_FLIGHT_NS
    if thread.may_return and shared.open_gaps == 0 and is_possible:
        emit(tables, thread, CallCode.LATE_RETURN, s.ENTERED, since, since)
        emit(tables, thread, CallCode.LATE_RETURN, s.LEFT, ts, ts)
    thread.may_return = 0
