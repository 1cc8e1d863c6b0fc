"""Kernel records -> calls, in compiled code: which exit belongs to which entry, thread by thread.

Records and calls are rows of RECORD and CALL, their 64-bit numbers taken as signed ones. See
_state for the tables.

A call may be met several times on its way in: by the system call's entry, an event probe that
reads its struct, kprobes deeper down. It is closed by the outermost return that is recorded. Where
the exit does not follow (another call of the same thread comes first, or events were lost in
between), the call is unconfirmed: no exit is ever given to a call it may not belong to.
"""

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import Cause
from collector.codes import CallCode, RecordCode
from collector.kvm import uapi
from collector.pairing import _state as s
from collector.pairing._calls import abandon, enter, leave, read_copy
from collector.pairing._causes import fault_gpa_of, hypercall, port_written, userspace_exit
from collector.pairing._gaps import may_lack_exit, meet, pass_gap, return_late
from collector.pairing._probes import (
    attributes_changed,
    attributes_requested,
    code_of,
    inner_probe,
    may_be,
    user_probe,
    vm_ioctl,
)
from collector.pairing._rows import emit, find_thread, set_vcpu, set_vcpu_file
from collector.pairing._state import Met, Request, Row, Rows, Tables

_CLOSE = constant(CallCode.CLOSE)


@hot_part
def call_entered(record: Row) -> int:
    """The CallCode, or OTHER."""
    code = _CLOSE
    if record.code == RecordCode.IOCTL_ENTER:
        code = code_of(record.v[1])
    elif record.code == RecordCode.FALLOCATE_ENTER:
        code = CallCode.FALLOCATE
    elif record.code == RecordCode.DUP_ENTER:
        code = CallCode.DUP
    elif record.code == RecordCode.CLOSE_RANGE_ENTER:
        code = CallCode.CLOSE_RANGE
    return code


@hot_part
def syscall_enter(tables: Tables, thread: Row, record: Row) -> None:
    """The entries of ioctl, fallocate, close, close_range and dup."""
    fd, cmd, code = record.v[0], record.v[1], call_entered(record)
    if thread.met == Met.USER and thread.fd == fd and may_be(thread.code, code):
        thread.code = code
    enter(tables, thread, code, Met.SYS_ENTER, fd, s.NONE)
    if record.code == RecordCode.FALLOCATE_ENTER:
        read_copy(thread, record, 1, 3)
    elif record.code == RecordCode.CLOSE_RANGE_ENTER:
        read_copy(thread, record, 1, 2)
    elif record.code == RecordCode.IOCTL_ENTER:
        thread.cmd = cmd
        if code == CallCode.CREATE_VM or code == CallCode.CREATE_VCPU:
            read_copy(thread, record, 2, 1)
        elif cmd & 0xFFFFFFFF == uapi.KVM_RUN:
            run_vcpu(tables, thread, record)


@hot_part
def run_vcpu(tables: Tables, thread: Row, record: Row) -> None:
    """The thread enters the guest: what it knew of the guest's last request is over."""
    fd = record.v[0]
    if thread.run_fd != fd + 1:
        n = emit(tables, thread, CallCode.VCPU_RUN, s.SEEN, record.ts, record.ts)
        tables.calls[n].fd, tables.calls[n].cmd = fd, uapi.KVM_RUN
    thread.run_fd = fd + 1
    thread.cause, thread.request = Cause.VMM, Request.NONE
    thread.in_doubt, thread.fault_gpa = 0, 0


@hot_part
def is_explained(tables: Tables, thread: Row) -> bool:
    """Whether a return is that of the open call."""
    return bool(thread.code != 0 and not may_lack_exit(tables, thread))


@hot_part
def ioctl_exit(tables: Tables, thread: Row, ts: int, ret: int) -> None:
    tables.shared[0].has_ioctl_exits = 1
    if (
        thread.code == CallCode.FALLOCATE
        or thread.code == CallCode.CLOSE
        or thread.code == CallCode.DUP
        or thread.code == CallCode.CLOSE_RANGE
    ):
        abandon(tables, thread)
    since = ts - thread.last_exit_ts
    if ret == 0 and not is_explained(tables, thread):
        return_late(tables, thread, ts)
    thread.may_return = 0
    if thread.code != 0:
        leave(tables, thread, ts, ret)
    elif 2 < ret < 1 << 31 and (thread.last_exit_ret != ret or since > s.DUPLICATE_NS):
        n = emit(tables, thread, CallCode.UNKNOWN_IOCTL, s.LEFT, ts, ts)
        tables.calls[n].ret = ret
    thread.last_exit_ts, thread.last_exit_ret = ts, ret


@hot_part
def inner_return(tables: Tables, thread: Row, record: Row) -> None:
    """A return below the system call's own: remembered until that, or the next call, comes."""
    needed = Met.INNER
    if record.code == RecordCode.VM_IOCTL_RETURN:
        needed = Met.VM_IOCTL
        if thread.code == s.OTHER and not thread.met & Met.SYS_ENTER:
            thread.code = 0
    if thread.code == 0 or thread.code == s.OTHER or not thread.met & needed:
        return
    if not may_lack_exit(tables, thread):
        thread.met |= Met.RETURN
        thread.ret, thread.ts_ret = record.v[0], record.ts


@hot_in_place
def observe(tables: Tables, thread: Row, record: Row) -> None:
    """A record that is an event of its own, of which the call has some values."""
    how = tables.observed[record.code]
    flags = s.ENTERED if how.of_vcpu else s.SEEN
    n = emit(tables, thread, how.code, flags, record.ts, record.ts)
    call = tables.calls[n]
    for k in range(how.count):
        call.v[k] = record.v[how.copies[k]]
    if how.of_vcpu:
        thread.may_return = 0
        if how.vcpu >= 0:
            set_vcpu(thread, record.v[how.vcpu])
        set_vcpu_file(thread, call)
    if record.code == RecordCode.PAGE_FAULT:
        thread.fault_gpa = fault_gpa_of(call.v[0])


@hot_in_place
def other_record(tables: Tables, thread: Row, record: Row) -> None:
    """The less frequent records."""
    code = record.code
    if (
        code == RecordCode.USER_REGION
        or code == RecordCode.USER_GUEST_MEMFD
        or code == RecordCode.USER_ENC_REGION
    ):
        user_probe(tables, thread, record)
    elif (
        code == RecordCode.SET_MEMSLOT
        or code == RecordCode.GMEM_CREATE
        or code == RecordCode.GMEM_FALLOCATE
    ):
        inner_probe(tables, thread, record)
    elif (
        code == RecordCode.SET_MEMSLOT_RETURN
        or code == RecordCode.GMEM_CREATE_RETURN
        or code == RecordCode.GMEM_FALLOCATE_RETURN
    ):
        inner_return(tables, thread, record)
    elif (
        (code == RecordCode.FALLOCATE_EXIT and thread.code == CallCode.FALLOCATE)
        or (code == RecordCode.CLOSE_EXIT and thread.code == CallCode.CLOSE)
        or (code == RecordCode.DUP_EXIT and thread.code == CallCode.DUP)
        or (code == RecordCode.CLOSE_RANGE_EXIT and thread.code == CallCode.CLOSE_RANGE)
    ):
        leave(tables, thread, record.ts, record.v[0])


@hot_part
def take_record(tables: Tables, thread: Row, record: Row) -> None:
    code = record.code
    if code == RecordCode.IOCTL_EXIT:
        ioctl_exit(tables, thread, record.ts, record.v[0])
    elif code == RecordCode.USER_SET_ATTRIBUTES:
        user_probe(tables, thread, record)
    elif (
        code == RecordCode.IOCTL_ENTER
        or code == RecordCode.FALLOCATE_ENTER
        or code == RecordCode.CLOSE_ENTER
        or code == RecordCode.DUP_ENTER
        or code == RecordCode.CLOSE_RANGE_ENTER
    ):
        syscall_enter(tables, thread, record)
    elif code == RecordCode.VM_IOCTL:
        vm_ioctl(tables, thread, record)
    elif code == RecordCode.VM_IOCTL_RETURN:
        if record.v[0] == 0 and not is_explained(tables, thread):
            return_late(tables, thread, record.ts)
        inner_return(tables, thread, record)
    elif code == RecordCode.SET_ATTRIBUTES:
        attributes_requested(tables, thread, record)
    elif code == RecordCode.POST_ATTRIBUTES:
        attributes_changed(tables, thread, record)
    else:
        guest_record(tables, thread, record)


@hot_part
def guest_record(tables: Tables, thread: Row, record: Row) -> None:
    """The records of what a guest does."""
    code = record.code
    if code == RecordCode.PIO:
        port_written(tables, thread, record)
    elif code == RecordCode.USERSPACE_EXIT:
        leave_for_guest(tables, thread)
        userspace_exit(tables, thread, record)
    elif code == RecordCode.HYPERCALL and record.v[0] == uapi.KVM_HC_MAP_GPA_RANGE:
        leave_for_guest(tables, thread)
        hypercall(tables, thread, record)
    else:
        other_record(tables, thread, record)


@hot_part
def leave_for_guest(tables: Tables, thread: Row) -> None:
    """The thread is in KVM_RUN: it has left any other call, which keeps the cause it had."""
    if thread.code != s.OTHER:
        abandon(tables, thread)


@hot_in_place
def pair(tables: Tables, records: Rows, start: int) -> int:
    """Pair records[start:] into `tables.calls`; returns how far it came.

    Stops early when the calls are full or the threads have to grow: the caller sees to that and
    goes on. A record yields MOST_CALLS calls at most.
    """
    for i in range(start, len(records)):
        record = records[i]
        if tables.shared[0].calls + s.MOST_CALLS > len(tables.calls):
            return i
        if record.code == RecordCode.LOSS_BEGIN or record.code == RecordCode.LOSS_END:
            pass_gap(tables, record)
            continue
        at = find_thread(tables.threads, tables.shared, record.tid & 0xFFFFFFFF)
        if at < 0:
            return i
        thread = tables.threads[at]
        meet(tables, thread, record)
        if tables.observed[record.code].code != 0:
            observe(tables, thread, record)
        else:
            take_record(tables, thread, record)
    return len(records)
