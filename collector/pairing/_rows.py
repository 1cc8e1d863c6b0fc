"""Rows of the thread table and of the calls, as compiled code makes them."""

from app.compiled import hot_part, mixed, slot_of
from app.model.guest import Cause, Certainty
from collector.pairing._state import MOST_VCPU, NO_VCPU_AT_ALL, UNKNOWN_CPU, Row, Rows, Tables


@hot_part
def find_thread(threads: Rows, shared: Rows, tid: int) -> int:
    """The place of the thread's row, made if new; -1 if the table is too full."""
    at = int(slot_of(is_row, threads, len(threads), mixed(tid), tid))
    if threads[at].tid != 0:
        return at
    if 2 * (shared[0].threads + 1) > len(threads):
        return -1
    shared[0].threads += 1
    threads[at].tid = tid + 1
    return at


@hot_part
def is_row(threads: Rows, at: int, tid: int) -> bool:
    return bool(threads[at].tid == 0 or threads[at].tid == tid + 1)


@hot_part
def begin_call(call: Row, code: int, flags: int, ts_enter: int, ts_exit: int) -> None:
    """Make the row a CALL that holds nothing else yet: of no thread and no known CPU."""
    call.ts_enter, call.ts_exit = ts_enter, ts_exit
    call.tid, call.tgid, call.cpu = 0, 0, UNKNOWN_CPU
    call.code, call.flags = code, flags
    call.cause, call.cause_certainty = Cause.NONE, Certainty.UNKNOWN
    call.vcpu, call.fd, call.cmd = -1, -1, 0
    call.kvm, call.ret = 0, 0
    for k in range(7):
        call.v[k] = 0


@hot_part
def emit(tables: Tables, thread: Row, code: int, flags: int, ts_enter: int, ts_exit: int) -> int:
    """Write a CALL of the thread that holds nothing else yet; returns its place."""
    n = tables.shared[0].calls
    call = tables.calls[n]
    begin_call(call, code, flags, ts_enter, ts_exit)
    call.tid, call.cpu = thread.tid - 1, thread.cpu
    tables.shared[0].calls = n + 1
    return int(n)


@hot_part
def set_vcpu(thread: Row, vcpu: int) -> None:
    """The thread runs the vCPU of this id, as a record shows; one that none can have is unknown."""
    thread.vcpu = vcpu + 1 if -1 <= vcpu <= MOST_VCPU else NO_VCPU_AT_ALL


@hot_part
def set_vcpu_file(thread: Row, call: Row) -> None:
    """What the thread's last KVM_RUN and page fault show of the vCPU it runs."""
    call.fd, call.cmd = thread.run_fd - 1, 0
    call.vcpu = thread.vcpu - 1


@hot_part
def sign_extended(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
