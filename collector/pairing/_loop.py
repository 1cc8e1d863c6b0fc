"""Kernel records -> calls, in compiled code: which exit belongs to which entry, thread by thread.

`records` are RECORD rows and `out` CALL rows, both as 64-bit words; `table` holds one row a thread,
`shared` what all threads share. See pairing_state for every name.

A call may be met several times on its way in: by the system call's entry, an event probe that
reads its struct, kprobes deeper down. It is closed by the outermost return that is recorded. Where
the exit does not follow (another call of the same thread comes first, or events were lost in
between), the call is unconfirmed: no exit is ever given to a call it may not belong to.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part
from collector.kvm import uapi
from collector.pairing import _state as s
from collector.pairing._calls import abandon, enter, leave, read_copy
from collector.pairing._causes import fault, hypercall, port_written, userspace_exit
from collector.pairing._gaps import may_have_lost, meet, pass_gap, return_late
from collector.pairing._probes import (
    attributes_changed,
    attributes_requested,
    code_of,
    inner_probe,
    may_be,
    user_probe,
    vm_ioctl,
)
from collector.pairing._rows import emit, find_thread

Words = npt.NDArray[np.int64]


@hot_part
def syscall_enter(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """The entries of ioctl, fallocate, close, close_range and dup."""
    record = (records[i, 1] >> 48) & 0xFF
    fd, cmd = records[i, 2], records[i, 3]
    code = s.CLOSE
    if record == s.R_IOCTL_ENTER:
        code = code_of(cmd)
    elif record == s.R_FALLOCATE_ENTER:
        code = s.FALLOCATE
    elif record == s.R_DUP_ENTER:
        code = s.DUP
    elif record == s.R_CLOSE_RANGE_ENTER:
        code = s.CLOSE_RANGE
    is_met = table[at, s.MET] == s.MET_USER and table[at, s.FD] == fd
    if is_met and may_be(table[at, s.CODE], code):
        table[at, s.CODE] = code
    n = enter(table, at, shared, out, n, ts, code, s.MET_SYS_ENTER, fd, s.NONE)
    if record == s.R_FALLOCATE_ENTER:
        read_copy(table, at, records, i, 1, 3)
    elif record == s.R_CLOSE_RANGE_ENTER:
        read_copy(table, at, records, i, 1, 2)
    elif record == s.R_IOCTL_ENTER:
        table[at, s.CMD] = cmd
        if code == s.CREATE_VM or code == s.CREATE_VCPU:
            read_copy(table, at, records, i, 2, 1)
        elif cmd & 0xFFFFFFFF == uapi.KVM_RUN:
            if table[at, s.RUN_FD] != fd + 1:
                n = emit(table, at, out, n, s.VCPU_RUN, s.OBSERVED, ts, ts)
                out[n - 1, 5] = (fd & 0xFFFFFFFF) | uapi.KVM_RUN << 32
            table[at, s.RUN_FD] = fd + 1
            table[at, s.CAUSE], table[at, s.REQUEST] = s.CAUSE_VMM, s.REQUEST_NONE
            table[at, s.IN_DOUBT] = table[at, s.FAULT_GPA] = 0
    return n


@hot_part
def is_explained(table: Words, at: int, shared: Words) -> bool:
    """Whether a return is that of the open call."""
    lost = may_have_lost(table, at, shared, table[at, s.ENTER_CPU], table[at, s.TS_ENTER])
    return table[at, s.CODE] != 0 and not lost


@hot_part
def ioctl_exit(table: Words, at: int, shared: Words, out: Words, n: int, ts: int, ret: int) -> int:
    shared[s.HAS_IOCTL_EXITS] = 1
    code = table[at, s.CODE]
    if code == s.FALLOCATE or code == s.CLOSE or code == s.DUP or code == s.CLOSE_RANGE:
        n = abandon(table, at, shared, out, n)
        code = 0
    since = ts - table[at, s.LAST_EXIT_TS]
    if ret == 0 and not is_explained(table, at, shared):
        n = return_late(table, at, shared, out, n, ts)
    table[at, s.MAY_RETURN] = 0
    if code != 0:
        n = leave(table, at, shared, out, n, ts, ret)
    elif 2 < ret < 1 << 31 and (table[at, s.LAST_EXIT_RET] != ret or since > s.DUPLICATE_NS):
        n = emit(table, at, out, n, s.UNKNOWN_IOCTL, s.LEFT, ts, ts)
        out[n - 1, s.CALL_RET] = ret
    table[at, s.LAST_EXIT_TS], table[at, s.LAST_EXIT_RET] = ts, ret
    return n


@hot_part
def inner_return(table: Words, at: int, shared: Words, ts: int, record: int, ret: int) -> None:
    """A return below the system call's own: remembered until that, or the next call, comes."""
    needed = s.MET_INNER
    if record == s.R_VM_IOCTL_RETURN:
        needed = s.MET_VM_IOCTL
        if table[at, s.CODE] == s.OTHER and not table[at, s.MET] & s.MET_SYS_ENTER:
            table[at, s.CODE] = 0
    if table[at, s.CODE] == 0 or table[at, s.CODE] == s.OTHER or not table[at, s.MET] & needed:
        return
    if not may_have_lost(table, at, shared, table[at, s.ENTER_CPU], table[at, s.TS_ENTER]):
        table[at, s.MET] |= s.MET_RETURN
        table[at, s.RET], table[at, s.TS_RET] = ret, ts


@hot_in_place
def observed(
    table: Words, at: int, out: Words, n: int, ts: int, how: Words, records: Words, i: int
) -> int:
    """A record that is an event of its own, of which the call has some values: `how` names
    which."""
    record = (records[i, 1] >> 48) & 0xFF
    first = s.RECORD_V + how[record, s.OBSERVED_FIRST]
    n = emit(table, at, out, n, how[record, s.OBSERVED_CODE], s.OBSERVED, ts, ts)
    for k in range(how[record, s.OBSERVED_COUNT]):
        out[n - 1, s.CALL_V + k] = records[i, first + k]
    return n


@hot_in_place
def other_record(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """The less frequent records."""
    record, value = (records[i, 1] >> 48) & 0xFF, records[i, 2]
    open_code = table[at, s.CODE]
    if record == s.R_USER_REGION or record == s.R_USER_GUEST_MEMFD or record == s.R_USER_ENC_REGION:
        n = user_probe(table, at, shared, out, n, ts, records, i)
    elif record == s.R_SET_MEMSLOT or record == s.R_GMEM_CREATE or record == s.R_GMEM_FALLOCATE:
        n = inner_probe(table, at, shared, out, n, ts, records, i)
    elif (
        record == s.R_SET_MEMSLOT_RETURN
        or record == s.R_GMEM_CREATE_RETURN
        or record == s.R_GMEM_FALLOCATE_RETURN
    ):
        inner_return(table, at, shared, ts, record, value)
    elif (
        (record == s.R_FALLOCATE_EXIT and open_code == s.FALLOCATE)
        or (record == s.R_CLOSE_EXIT and open_code == s.CLOSE)
        or (record == s.R_DUP_EXIT and open_code == s.DUP)
        or (record == s.R_CLOSE_RANGE_EXIT and open_code == s.CLOSE_RANGE)
    ):
        n = leave(table, at, shared, out, n, ts, value)
    return n


@hot_part
def take_record(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    record = (records[i, 1] >> 48) & 0xFF
    if record == s.R_IOCTL_EXIT:
        return ioctl_exit(table, at, shared, out, n, ts, records[i, 2])
    if record == s.R_USER_SET_ATTRIBUTES:
        return user_probe(table, at, shared, out, n, ts, records, i)
    if (
        record == s.R_IOCTL_ENTER
        or record == s.R_FALLOCATE_ENTER
        or record == s.R_CLOSE_ENTER
        or record == s.R_DUP_ENTER
        or record == s.R_CLOSE_RANGE_ENTER
    ):
        return syscall_enter(table, at, shared, out, n, ts, records, i)
    if record == s.R_VM_IOCTL:
        return vm_ioctl(table, at, shared, out, n, ts, records, i)
    if record == s.R_VM_IOCTL_RETURN:
        if records[i, 2] == 0 and not is_explained(table, at, shared):
            n = return_late(table, at, shared, out, n, ts)
        inner_return(table, at, shared, ts, record, records[i, 2])
        return n
    if record == s.R_SET_ATTRIBUTES:
        return attributes_requested(table, at, shared, out, n, ts, records, i)
    if record == s.R_POST_ATTRIBUTES:
        return attributes_changed(table, at, shared, out, n, ts, records, i)
    if record == s.R_PAGE_FAULT or record == s.R_RMP_FAULT:
        return fault(table, at, out, n, ts, records, i)
    if record == s.R_PIO:
        return port_written(table, at, out, n, ts, records, i)
    is_map_gpa = record == s.R_HYPERCALL and records[i, 2] == uapi.KVM_HC_MAP_GPA_RANGE
    if is_map_gpa or record == s.R_USERSPACE_EXIT:
        if table[at, s.CODE] != s.OTHER:
            # The thread is in KVM_RUN: it has left any other call, which keeps the cause it had.
            n = abandon(table, at, shared, out, n)
        if is_map_gpa:
            return hypercall(table, at, shared, out, n, ts, records, i)
        return userspace_exit(table, at, shared, out, n, ts, records[i, 2], records[i, 3])
    return other_record(table, at, shared, out, n, ts, records, i)


@hot_in_place
def pair(
    records: Words, start: int, table: Words, shared: Words, out: Words, n: int, how: Words
) -> tuple[int, int]:
    """Pair records[start:], writing calls from out[n] on; returns (how far it came, the next n).

    `how` (int64[256, 3]) marks which records are observations, and what their calls have of them.

    Stops early when `out` is full or the table has to grow: the caller sees to that and goes on.
    A record yields MOST_CALLS calls at most.
    """
    for i in range(start, len(records)):
        if n + s.MOST_CALLS > len(out):
            return i, n
        record = (records[i, 1] >> 48) & 0xFF
        if record == s.R_LOSS_BEGIN or record == s.R_LOSS_END:
            n = pass_gap(shared, out, n, records, i)
            continue
        at = find_thread(table, shared, records[i, 1] & 0xFFFFFFFF)
        if at < 0:
            return i, n
        meet(table, at, shared, records[i, 0], (records[i, 1] >> 32) & 0xFFFF)
        if how[record, s.OBSERVED_CODE] != 0:
            n = observed(table, at, out, n, records[i, 0], how, records, i)
        else:
            n = take_record(table, at, shared, out, n, records[i, 0], records, i)
    return len(records), n
