"""Kernel records -> calls, in compiled code: which exit belongs to which entry, thread by thread.

`records` are RECORD rows and `out` CALL rows, both as 64-bit words; `table` holds one row a thread
(open addressing), `shared` what all threads share. See pairing_state for every name.

A call may be met several times on its way in: by the system call's entry, an event probe that
reads its struct, kprobes deeper down. It is closed by the outermost return that is recorded. Where
the exit does not follow (another call of the same thread comes first, or events were lost in
between), the call is unconfirmed: no exit is ever given to a call it may not belong to.
"""

import numpy as np
import numpy.typing as npt

from app.model.jit import hot
from collector.assemble import pairing_state as s
from collector.records import (
    HAS_GMEM,
    SAW_ENTER,
    SAW_EXIT,
    SAW_GMEM,
    SAW_RANGE_BY_REQUEST,
    SAW_STRUCT,
)

Words = npt.NDArray[np.int64]


@hot
def find_thread(table: Words, shared: Words, tid: int) -> int:
    """The thread's row, made if new; -1 if the table is too full."""
    mask = len(table) - 1
    at = ((tid * 0x9E3779B1) >> 7) & mask
    while table[at, s.TID] != 0:
        if table[at, s.TID] == tid + 1:
            return at
        at = (at + 1) & mask
    if 2 * (shared[s.THREADS] + 1) > len(table):
        return -1
    shared[s.THREADS] += 1
    table[at, s.TID] = tid + 1
    return at


@hot
def emit(
    st: Words, out: Words, n: int, code: int, flags: int, ts_enter: int, ts_exit: int, ret: int
) -> int:
    """Write a CALL of the thread without arguments; returns the next free place."""
    row = out[n]
    row[0] = ts_enter
    row[1] = ts_exit
    row[2] = (st[s.TID] - 1) & 0xFFFFFFFF
    row[3] = (st[s.CPU] & 0xFFFF) | code << 16 | flags << 24 | 0xFFFF << 48
    row[4] = 0
    row[5] = 0xFFFFFFFF  # fd -1
    row[6] = ret
    row[7:] = 0
    return n + 1


@hot
def set_cause(row: Words, cause: int, certainty: int, vcpu_plus_one: int) -> None:
    low = row[3] & 0xFFFFFFFF
    row[3] = low | cause << 32 | certainty << 40 | ((vcpu_plus_one - 1) & 0xFFFF) << 48


@hot
def may_have_lost(st: Words, shared: Words, cpu: int, since: int) -> bool:
    """Whether something of the thread may be missing since a record of it on `cpu`.

    A thread that is still on the same CPU is taken to have stayed there: only that CPU's gaps
    count then.
    """
    if cpu != st[s.CPU]:
        return bool(shared[s.OPEN_GAPS] > 0 or shared[s.LAST_GAP_END] > since)
    at = s.GAPS_BY_CPU + 2 * cpu
    return bool(shared[at] > 0 or shared[at + 1] > since)


@hot
def ask(st: Words, shared: Words, row: Words, ts_enter: int) -> None:
    """Give a conversion its cause, by the last exit of its thread to user space."""
    lost = may_have_lost(st, shared, st[s.CAUSE_CPU], st[s.CAUSE_TS])
    cause, certainty = s.CAUSE_NONE, s.CERTAINTY_UNKNOWN
    if shared[s.HAS_USERSPACE_EXITS]:
        if st[s.CAUSE] == s.CAUSE_EXPLICIT or st[s.CAUSE] == s.CAUSE_IMPLICIT:
            cause = st[s.CAUSE]
            certainty = s.CERTAINTY_INFERRED if lost else s.CERTAINTY_SEEN
        elif not lost:
            cause, certainty = s.CAUSE_VMM, s.CERTAINTY_SEEN
    elif st[s.REQUEST] != s.REQUEST_NONE and not lost:
        cause, certainty = s.CAUSE_EXPLICIT, s.CERTAINTY_INFERRED
    from_guest = cause == s.CAUSE_EXPLICIT or cause == s.CAUSE_IMPLICIT
    set_cause(row, cause, certainty, st[s.VCPU] if from_guest else 0)
    if (row[3] >> 24) & (SAW_STRUCT | SAW_RANGE_BY_REQUEST) or lost:
        return
    is_request = st[s.REQUEST] == s.REQUEST_PASSED_ON or (
        st[s.REQUEST] == s.REQUEST_HYPERCALL and not shared[s.HAS_USERSPACE_EXITS]
    )
    if is_request:
        row[3] |= SAW_RANGE_BY_REQUEST << 24
        row[7], row[8], row[9] = st[s.GPA], st[s.SIZE], st[s.ATTRIBUTES]
        if row[6] >= 0:
            st[s.REQUEST] = s.REQUEST_ANSWERED


@hot
def settle(st: Words, shared: Words, out: Words, n: int, ts_exit: int, ret: int, saw: int) -> int:
    """Close the open call and write it down, unless it is none of ours. `saw`: SAW_EXIT or 0."""
    code = st[s.CODE]
    st[s.CODE] = 0
    if code == s.OTHER or code == 0:
        return n
    flags = st[s.FLAGS] | saw
    ts_enter = st[s.TS_ENTER]
    n = emit(st, out, n, code, flags, ts_enter, ts_exit if saw else ts_enter, ret if saw else 0)
    row = out[n - 1]
    row[4] = st[s.KVM]
    row[5] = (st[s.FD] & 0xFFFFFFFF) | (st[s.CMD] & 0xFFFFFFFF) << 32
    row[7:14] = st[s.V : s.V + 7]
    if code == s.SET_ATTRIBUTES:
        ask(st, shared, row, ts_enter)
    return n


@hot
def abandon(st: Words, shared: Words, out: Words, n: int) -> int:
    """The thread went on without the exit of its open call being seen."""
    if st[s.MET] & s.MET_RETURN:
        return settle(st, shared, out, n, st[s.TS_RET], st[s.RET], SAW_EXIT)
    return settle(st, shared, out, n, 0, 0, 0)


@hot
def leave(st: Words, shared: Words, out: Words, n: int, ts: int, ret: int) -> int:
    """The exit that follows the open call; not trusted if one may have been lost in between."""
    lost = may_have_lost(st, shared, st[s.ENTER_CPU], st[s.TS_ENTER])
    if lost or (st[s.MET] & s.MET_RETURN and st[s.RET] != ret):
        return abandon(st, shared, out, n)
    return settle(st, shared, out, n, ts, ret, SAW_EXIT)


@hot
def enter(
    st: Words, shared: Words, out: Words, n: int, ts: int, code: int, met: int, fd: int, kvm: int
) -> int:
    """A record on the way in: it adds to the open call if it can be the same, else opens one."""
    outer = st[s.MET] & ~s.MET_RETURN
    deeper = s.MET_VM_IOCTL | s.MET_INNER | s.MET_TRACEPOINT | s.MET_POST
    if met == s.MET_VM_IOCTL:
        deeper = s.MET_INNER | s.MET_TRACEPOINT | s.MET_POST
    elif met > s.MET_VM_IOCTL:
        deeper = 0
    same = st[s.CODE] == code and not st[s.MET] & s.MET_RETURN
    same = same and outer & (met | deeper) == 0
    if met <= s.MET_USER:
        same = same and st[s.FD] == fd
    if kvm != 0 and st[s.KVM] != 0:
        same = same and st[s.KVM] == kvm
    if same:
        st[s.MET] |= met
    else:
        n = abandon(st, shared, out, n)
        st[s.CODE], st[s.MET], st[s.TS_ENTER] = code, met, ts
        st[s.FD], st[s.CMD], st[s.KVM], st[s.FLAGS] = fd, 0, 0, SAW_ENTER
        st[s.ENTER_CPU] = st[s.CPU]
        st[s.V : s.V + 7] = 0
    if kvm != 0:
        st[s.KVM] = kvm
    return n


@hot
def code_of(cmd: int) -> int:
    cmd &= 0xFFFFFFFF
    if cmd == s.KVM_SET_MEMORY_ATTRIBUTES:
        return s.SET_ATTRIBUTES
    if cmd == s.KVM_SET_USER_MEMORY_REGION or cmd == s.KVM_SET_USER_MEMORY_REGION2:
        return s.SET_REGION
    if cmd == s.KVM_CREATE_GUEST_MEMFD:
        return s.CREATE_GUEST_MEMFD
    if cmd == s.KVM_CREATE_VM:
        return s.CREATE_VM
    if cmd == s.KVM_CREATE_VCPU:
        return s.CREATE_VCPU
    return s.OTHER


@hot
def read_struct(st: Words, v: Words, count: int, is_certain: bool) -> None:
    """Take the arguments from a probe. A second probe that read something else discredits both,
    unless it read the kernel's own copy."""
    if st[s.FLAGS] & SAW_STRUCT and not is_certain:
        for i in range(count):
            if st[s.V + i] != v[i]:
                st[s.FLAGS] &= ~SAW_STRUCT
        return
    st[s.V : s.V + 7] = 0
    st[s.V : s.V + count] = v[:count]
    st[s.FLAGS] |= SAW_STRUCT


@hot
def hypercall(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    """KVM_HC_MAP_GPA_RANGE: what the guest wants, if its flags are MapGPA's (KVM does not look).

    A VMM may define flags of its own (private_mem_conversions_test does): once flags appear that
    MapGPA does not have, no direction is taken from any; 2M and 1G hints alone say nothing until
    the ENCRYPTED bit was seen.
    """
    gpa, npages, a2 = v[1], v[2], v[3]
    hint = a2 & 0xF
    of_hint = 512 if hint == s.MAP_GPA_2M else (1 << 18 if hint == s.MAP_GPA_1G else 1)
    if a2 >> 5 or hint > s.MAP_GPA_1G or npages % of_hint or (gpa >> 12) % of_hint:
        shared[s.IS_FOREIGN] = 1
    if a2 & s.MAP_GPA_ENCRYPTED:
        shared[s.IS_STANDARD] = 1
    to = s.TO_UNKNOWN
    if not shared[s.IS_FOREIGN] and (hint == 0 or shared[s.IS_STANDARD]):
        to = s.TO_PRIVATE if a2 & s.MAP_GPA_ENCRYPTED else s.TO_SHARED
    n = emit(st, out, n, s.HYPERCALL, SAW_ENTER, ts, ts, 0)
    row = out[n - 1]
    row[5] = (st[s.RUN_FD] - 1) & 0xFFFFFFFF
    row[7], row[8], row[9], row[10] = gpa, npages, a2, to
    set_cause(row, 0, 0, st[s.VCPU])
    st[s.REQUEST], st[s.CAUSE_TS], st[s.CAUSE_CPU] = s.REQUEST_NONE, ts, st[s.CPU]
    if gpa & 0xFFF == 0 and 0 < npages < 1 << 40:  # else KVM answers EINVAL itself
        st[s.REQUEST], st[s.GPA], st[s.SIZE] = s.REQUEST_HYPERCALL, gpa, npages << 12
        private = s.KVM_MEMORY_ATTRIBUTE_PRIVATE
        known = private if to == s.TO_PRIVATE else 0
        st[s.ATTRIBUTES] = s.ATTRIBUTES_UNKNOWN if to == s.TO_UNKNOWN else known
    return n


@hot
def userspace_exit(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    """The end of KVM_RUN: what the VMM is asked to do next on this thread."""
    shared[s.HAS_USERSPACE_EXITS] = 1
    st[s.CAUSE_TS], st[s.CAUSE_CPU] = ts, st[s.CPU]
    if v[0] == s.KVM_EXIT_HYPERCALL and v[1] >= 0:
        st[s.CAUSE] = s.CAUSE_EXPLICIT
        asked = st[s.REQUEST] == s.REQUEST_HYPERCALL
        st[s.REQUEST] = s.REQUEST_PASSED_ON if asked else s.REQUEST_NONE
    elif v[0] == s.KVM_EXIT_MEMORY_FAULT and v[1] < 0:
        st[s.CAUSE], st[s.REQUEST] = s.CAUSE_IMPLICIT, s.REQUEST_NONE
        n = emit(st, out, n, s.MEMORY_FAULT, SAW_ENTER, ts, ts, v[1])
        row = out[n - 1]
        row[5] = (st[s.RUN_FD] - 1) & 0xFFFFFFFF
        set_cause(row, 0, 0, st[s.VCPU])
        if st[s.FAULT_GPA]:  # x86 reports the one page that was touched
            st[s.REQUEST], st[s.SIZE] = s.REQUEST_PASSED_ON, 4096
            st[s.GPA], st[s.ATTRIBUTES] = (st[s.FAULT_GPA] - 1) & ~0xFFF, s.ATTRIBUTES_UNKNOWN
            row[3] |= SAW_RANGE_BY_REQUEST << 24
            row[7], row[8] = st[s.GPA], 4096
    else:
        st[s.CAUSE], st[s.REQUEST] = s.CAUSE_VMM, s.REQUEST_NONE
    st[s.FAULT_GPA] = 0
    return n


@hot
def fault(st: Words, out: Words, n: int, ts: int, code: int, v: Words) -> int:
    """kvm_page_fault and kvm_rmp_fault."""
    is_page_fault = code == s.R_PAGE_FAULT
    st[s.VCPU] = v[0] + 1
    n = emit(st, out, n, s.PAGE_FAULT if is_page_fault else s.RMP_FAULT, SAW_ENTER, ts, ts, 0)
    row = out[n - 1]
    row[5] = (st[s.RUN_FD] - 1) & 0xFFFFFFFF
    set_cause(row, 0, 0, st[s.VCPU])
    row[7], row[8] = (v[2], v[3]) if is_page_fault else (v[1], v[3])
    if is_page_fault:
        # TDX puts the shared bit (47 or 51) into the address: no page of the guest's.
        st[s.FAULT_GPA] = v[2] + 1 if 0 <= v[2] < 1 << 46 else 0
    else:
        row[9] = v[4]
    return n


@hot
def ioctl_enter(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    code = code_of(v[1])
    n = enter(st, shared, out, n, ts, code, s.MET_SYS_ENTER, v[0], 0)
    st[s.CMD] = v[1]
    if code == s.CREATE_VM or code == s.CREATE_VCPU:
        st[s.V] = v[2]
        st[s.FLAGS] |= SAW_STRUCT
    elif v[1] & 0xFFFFFFFF == s.KVM_RUN:
        st[s.RUN_FD] = v[0] + 1
        st[s.CAUSE], st[s.REQUEST], st[s.FAULT_GPA] = s.CAUSE_VMM, s.REQUEST_NONE, 0
        st[s.CAUSE_TS], st[s.CAUSE_CPU] = ts, st[s.CPU]
    return n


@hot
def vm_ioctl(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    """kprobe kvm_vm_ioctl: struct kvm *, cmd, and the user's struct as far as 48 bytes."""
    code = code_of(v[1])
    if code == s.OTHER and st[s.CODE] == s.OTHER:
        return n
    n = enter(st, shared, out, n, ts, code, s.MET_VM_IOCTL, -1, v[0])
    st[s.CMD] = v[1]
    if code == s.SET_ATTRIBUTES:
        read_struct(st, v[2:6], 4, False)
    elif code == s.SET_REGION:
        arguments = v[2:8].copy()
        count = 4
        if v[1] & 0xFFFFFFFF == s.KVM_SET_USER_MEMORY_REGION2:
            count = 6
            arguments[5] = sign_extended(v[7])
            st[s.FLAGS] |= SAW_GMEM
        read_struct(st, arguments, count, False)
    elif code == s.CREATE_GUEST_MEMFD:
        read_struct(st, v[2:4], 2, False)
    return n


@hot
def sign_extended(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low


@hot
def inner_probe(
    st: Words, shared: Words, out: Words, n: int, ts: int, code: int, flags: int, v: Words
) -> int:
    """kprobes below kvm_vm_ioctl and fallocate: what they are given is the kernel's own copy."""
    if code == s.R_SET_MEMSLOT:
        if v[1] & 0xFFFF >= s.FIRST_INTERNAL_SLOT:
            return n
        n = enter(st, shared, out, n, ts, s.SET_REGION, s.MET_INNER, -1, v[0])
        has_gmem = flags & HAS_GMEM
        read_struct(st, v[1:7], 6 if has_gmem else 4, True)
        if has_gmem:
            st[s.FLAGS] |= SAW_GMEM
    elif code == s.R_GMEM_CREATE:
        n = enter(st, shared, out, n, ts, s.CREATE_GUEST_MEMFD, s.MET_INNER, -1, v[0])
        read_struct(st, v[1:3], 2, True)
    else:
        n = enter(st, shared, out, n, ts, s.FALLOCATE, s.MET_INNER, -1, 0)
        read_struct(st, v[1:4], 3, True)
    return n


@hot
def attributes_changed(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    """kvm_arch_post_set_memory_attributes: the part of a conversion that lies in one memslot."""
    first, end = v[2] << 12, v[3] << 12
    if st[s.CODE] != s.SET_ATTRIBUTES:
        n = emit(st, out, n, s.SET_ATTRIBUTES, SAW_ENTER | SAW_EXIT | SAW_STRUCT, ts, ts, 0)
        row = out[n - 1]
        row[4] = v[0]
        row[7], row[8], row[9] = first, end - first, v[4]
        ask(st, shared, row, ts)
        return n
    st[s.MET] |= s.MET_POST
    st[s.KVM] = v[0]
    if st[s.FLAGS] & SAW_STRUCT:
        return n
    if st[s.FLAGS] & SAW_RANGE_BY_REQUEST:
        first = min(first, st[s.V])
        end = max(end, st[s.V] + st[s.V + 1])
    st[s.V], st[s.V + 1], st[s.V + 2] = first, end - first, v[4]
    st[s.FLAGS] |= SAW_RANGE_BY_REQUEST
    return n


@hot
def attributes_requested(st: Words, shared: Words, out: Words, n: int, ts: int, v: Words) -> int:
    """kvm:kvm_vm_set_mem_attributes: the range, after the arguments were found well-formed."""
    n = enter(st, shared, out, n, ts, s.SET_ATTRIBUTES, s.MET_TRACEPOINT, -1, 0)
    st[s.V], st[s.V + 1], st[s.V + 2], st[s.V + 3] = v[0] << 12, (v[1] - v[0]) << 12, v[2], 0
    st[s.FLAGS] |= SAW_STRUCT
    return n


@hot
def ioctl_exit(st: Words, shared: Words, out: Words, n: int, ts: int, ret: int) -> int:
    shared[s.HAS_IOCTL_EXITS] = 1
    code = st[s.CODE]
    if code == s.FALLOCATE or code == s.CLOSE or code == s.DUP:
        n = abandon(st, shared, out, n)
        code = 0
    if code != 0:
        n = leave(st, shared, out, n, ts, ret)
    else:
        is_repeated = st[s.LAST_EXIT_RET] == ret and ts - st[s.LAST_EXIT_TS] < s.DUPLICATE_NS
        if 2 < ret < 1 << 31 and not is_repeated:
            n = emit(st, out, n, s.UNKNOWN_IOCTL, SAW_EXIT, ts, ts, ret)
    st[s.LAST_EXIT_TS], st[s.LAST_EXIT_RET] = ts, ret
    return n


@hot
def inner_return(st: Words, shared: Words, out: Words, n: int, ts: int, code: int, ret: int) -> int:
    """A return below the system call's own: remembered until that, or the next call, comes."""
    needed = s.MET_INNER
    if code == s.R_VM_IOCTL_RETURN:
        needed = s.MET_VM_IOCTL
        if st[s.CODE] == s.OTHER and st[s.MET] & s.MET_SYS_ENTER == 0:
            st[s.CODE] = 0
    if st[s.CODE] == 0 or st[s.CODE] == s.OTHER or not st[s.MET] & needed:
        return n
    if may_have_lost(st, shared, st[s.ENTER_CPU], st[s.TS_ENTER]):
        return n
    st[s.MET] |= s.MET_RETURN
    st[s.RET], st[s.TS_RET] = ret, ts
    return n


@hot
def observed(st: Words, out: Words, n: int, ts: int, code: int, v: Words, count: int) -> int:
    """A record that is an event of its own."""
    n = emit(st, out, n, code, SAW_ENTER | SAW_EXIT, ts, ts, 0)
    out[n - 1, 7 : 7 + count] = v[:count]
    return n


@hot
def pass_gap(shared: Words, out: Words, n: int, words: Words) -> int:
    """LOSS_BEGIN and LOSS_END belong to a CPU, not to a thread."""
    begins = (words[1] >> 48) & 0xFF == s.R_LOSS_BEGIN
    by_cpu = s.GAPS_BY_CPU + 2 * ((words[1] >> 32) & 0xFFFF)
    change = 1 if begins else -1
    shared[s.OPEN_GAPS] += change
    shared[by_cpu] += change
    if not begins:
        shared[s.LAST_GAP_END] = shared[by_cpu + 1] = words[0]
    row = out[n]
    row[:] = 0
    row[0] = row[1] = words[0]
    code = s.LOSS_BEGIN if begins else s.LOSS_END
    row[3] = ((words[1] >> 32) & 0xFFFF) | code << 16 | 0xFFFF << 48
    row[5] = 0xFFFFFFFF
    row[7], row[8] = words[2], words[3]
    return n + 1


@hot
def pair(records: Words, start: int, table: Words, shared: Words, out: Words) -> tuple[int, int]:
    """Pair records[start:]; returns (how far it came, calls written).

    Stops early when `out` is full or the table has to grow: the caller sees to that and goes on.
    A record yields two calls at most.
    """
    n = 0
    for i in range(start, len(records)):
        if n + 2 > len(out):
            return i, n
        words = records[i]
        ts, v = words[0], words[2:]
        code = (words[1] >> 48) & 0xFF
        if code == s.R_LOSS_BEGIN or code == s.R_LOSS_END:
            n = pass_gap(shared, out, n, words)
            continue
        at = find_thread(table, shared, words[1] & 0xFFFFFFFF)
        if at < 0:
            return i, n
        st = table[at]
        st[s.CPU] = (words[1] >> 32) & 0xFFFF
        if code == s.R_IOCTL_ENTER:
            n = ioctl_enter(st, shared, out, n, ts, v)
        elif code == s.R_IOCTL_EXIT:
            n = ioctl_exit(st, shared, out, n, ts, v[0])
        elif code == s.R_USER_SET_ATTRIBUTES:
            n = enter(st, shared, out, n, ts, s.SET_ATTRIBUTES, s.MET_USER, v[0], 0)
            read_struct(st, v[1:5], 4, False)
        elif code == s.R_VM_IOCTL:
            n = vm_ioctl(st, shared, out, n, ts, v)
        elif code == s.R_HYPERCALL:
            if v[0] == s.KVM_HC_MAP_GPA_RANGE:
                n = hypercall(st, shared, out, n, ts, v)
        elif code == s.R_USERSPACE_EXIT:
            n = userspace_exit(st, shared, out, n, ts, v)
        elif code == s.R_PAGE_FAULT or code == s.R_RMP_FAULT:
            n = fault(st, out, n, ts, code, v)
        elif code == s.R_SET_ATTRIBUTES:
            n = attributes_requested(st, shared, out, n, ts, v)
        elif code == s.R_POST_ATTRIBUTES:
            n = attributes_changed(st, shared, out, n, ts, v)
        elif code == s.R_FALLOCATE_ENTER:
            n = enter(st, shared, out, n, ts, s.FALLOCATE, s.MET_SYS_ENTER, v[0], 0)
            read_struct(st, v[1:4], 3, True)
        elif code == s.R_FALLOCATE_EXIT:
            if st[s.CODE] == s.FALLOCATE:
                n = leave(st, shared, out, n, ts, v[0])
        elif code == s.R_USER_REGION:
            n = enter(st, shared, out, n, ts, s.SET_REGION, s.MET_USER, v[0], 0)
            has_gmem = (words[1] >> 56) & HAS_GMEM
            read_struct(st, v[1:7], 6 if has_gmem else 4, False)
            if has_gmem:
                st[s.FLAGS] |= SAW_GMEM
        elif code == s.R_USER_GUEST_MEMFD:
            n = enter(st, shared, out, n, ts, s.CREATE_GUEST_MEMFD, s.MET_USER, v[0], 0)
            read_struct(st, v[1:3], 2, False)
        elif code == s.R_SET_MEMSLOT or code == s.R_GMEM_CREATE or code == s.R_GMEM_FALLOCATE:
            n = inner_probe(st, shared, out, n, ts, code, (words[1] >> 56) & 0xFF, v)
        elif (
            code == s.R_VM_IOCTL_RETURN
            or code == s.R_SET_MEMSLOT_RETURN
            or code == s.R_GMEM_CREATE_RETURN
            or code == s.R_GMEM_FALLOCATE_RETURN
        ):
            n = inner_return(st, shared, out, n, ts, code, v[0])
        elif code == s.R_UNMAP_HVA_RANGE:
            n = observed(st, out, n, ts, s.UNMAP, v, 2)
        elif code == s.R_CLOSE_ENTER:
            n = enter(st, shared, out, n, ts, s.CLOSE, s.MET_SYS_ENTER, v[0], 0)
        elif code == s.R_DUP_ENTER:
            n = enter(st, shared, out, n, ts, s.DUP, s.MET_SYS_ENTER, v[0], 0)
        elif code == s.R_CLOSE_EXIT:
            if st[s.CODE] == s.CLOSE:
                n = leave(st, shared, out, n, ts, v[0])
        elif code == s.R_DUP_EXIT:
            if st[s.CODE] == s.DUP:
                n = leave(st, shared, out, n, ts, v[0])
        elif code == s.R_NEW_TASK:
            n = observed(st, out, n, ts, s.NEW_TASK, v, 2)
        elif code == s.R_PROCESS_EXEC:
            n = observed(st, out, n, ts, s.PROCESS_EXEC, v, 2)
        elif code == s.R_PROCESS_EXIT:
            n = observed(st, out, n, ts, s.PROCESS_EXIT, v, 2)
    return len(records), n


@hot
def oldest_open(table: Words) -> int:
    """Since when the oldest call of ours has been waiting for its exit; 2^62 if none is."""
    oldest = 1 << 62
    for at in range(len(table)):
        st = table[at]
        if st[s.TID] != 0 and st[s.CODE] != 0 and st[s.CODE] != s.OTHER:
            known_since = st[s.TS_RET] if st[s.MET] & s.MET_RETURN else st[s.TS_ENTER]
            oldest = min(oldest, known_since)
    return oldest


@hot
def sweep(table: Words, shared: Words, out: Words, before: int) -> int:
    """Write down open calls whose return is known from below, and those entered `before`.

    The latter stay unconfirmed even if their exit comes after all. `out` has room for all rows.
    """
    n = 0
    for at in range(len(table)):
        st = table[at]
        if st[s.TID] == 0 or st[s.CODE] == 0 or st[s.CODE] == s.OTHER:
            continue
        if st[s.MET] & s.MET_RETURN:
            n = abandon(st, shared, out, n)
        elif st[s.TS_ENTER] < before:
            n = abandon(st, shared, out, n)
            st[s.CODE], st[s.MET] = s.OTHER, s.MET_SYS_ENTER
    return n
