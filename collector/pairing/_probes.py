"""Probes inside a call: what they record of its arguments. Compiled; see pairing_state for
names."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part
from collector.codes import HAS_GMEM, SAW_GMEM, SAW_RANGE_BY_REQUEST, SAW_STRUCT
from collector.kvm import uapi
from collector.pairing import _state as s
from collector.pairing._calls import enter, read_copy, read_struct
from collector.pairing._causes import ask
from collector.pairing._rows import emit, sign_extended

Words = npt.NDArray[np.int64]


@hot_part
def code_of(cmd: int) -> int:
    cmd &= 0xFFFFFFFF
    if cmd == uapi.KVM_SET_MEMORY_ATTRIBUTES:
        return s.SET_ATTRIBUTES
    if cmd == uapi.KVM_SET_USER_MEMORY_REGION or cmd == uapi.KVM_SET_USER_MEMORY_REGION2:
        return s.SET_REGION
    if cmd == uapi.KVM_CREATE_GUEST_MEMFD:
        return s.CREATE_GUEST_MEMFD
    if cmd == uapi.KVM_CREATE_VM:
        return s.CREATE_VM
    if cmd == uapi.KVM_CREATE_VCPU:
        return s.CREATE_VCPU
    if cmd == uapi.KVM_SET_MEMORY_ATTRIBUTES2:
        return s.SET_ATTRIBUTES2
    if cmd == uapi.KVM_MEMORY_ENCRYPT_REG_REGION:
        return s.REGISTER_REGION
    if cmd == uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION:
        return s.UNREGISTER_REGION
    return s.OTHER


@hot_part
def may_be(open_code: int, code: int) -> bool:
    """Whether a call that a probe opened by its struct alone can be that of a cmd."""
    if code == s.SET_ATTRIBUTES2:
        return bool(open_code == s.SET_ATTRIBUTES)
    is_region = code == s.REGISTER_REGION or code == s.UNREGISTER_REGION
    return bool(is_region and open_code == s.SOME_REGION)


@hot_in_place
def code_by_struct(table: Words, at: int, code: int, cmd: int) -> int:
    """What a probe's struct belongs to: `code` if neither the probe nor the open call shows it."""
    if cmd != 0:
        return code_of(cmd)
    return table[at, s.CODE] if may_be(code, table[at, s.CODE]) else code


@hot_part
def user_probe(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """Event probes on sys_enter_ioctl that read the user's struct."""
    record, fd = (records[i, 1] >> 48) & 0xFF, records[i, 2]
    has_gmem = (records[i, 1] >> 56) & HAS_GMEM
    if record == s.R_USER_REGION:
        code, count = s.SET_REGION, 6 if has_gmem else 4
    elif record == s.R_USER_GUEST_MEMFD:
        code, count = s.CREATE_GUEST_MEMFD, 2
    elif record == s.R_USER_ENC_REGION:
        code, count = code_by_struct(table, at, s.SOME_REGION, records[i, 5]), 2
    else:
        code, count = code_by_struct(table, at, s.SET_ATTRIBUTES, records[i, 7]), 4
    n = enter(table, at, shared, out, n, ts, code, s.MET_USER, fd, s.NONE)
    read_struct(table, at, records, i, 1, count)
    if record == s.R_USER_REGION and has_gmem:
        table[at, s.FLAGS] |= SAW_GMEM
    return n


@hot_in_place
def vm_ioctl(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """kprobe kvm_vm_ioctl: struct kvm *, cmd, and the user's struct as far as 48 bytes."""
    cmd = records[i, 3]
    code = code_of(cmd)
    if code == s.OTHER and table[at, s.CODE] == s.OTHER:
        return n
    n = enter(table, at, shared, out, n, ts, code, s.MET_VM_IOCTL, s.NO_FD, records[i, 2])
    table[at, s.CMD] = cmd
    if code == s.SET_ATTRIBUTES or code == s.SET_ATTRIBUTES2:
        read_struct(table, at, records, i, 2, 4)
    elif code == s.CREATE_GUEST_MEMFD or code == s.REGISTER_REGION or code == s.UNREGISTER_REGION:
        read_struct(table, at, records, i, 2, 2)
    elif code == s.SET_REGION:
        count = 4
        if cmd & 0xFFFFFFFF == uapi.KVM_SET_USER_MEMORY_REGION2:
            records[i, 9] = sign_extended(records[i, 9])
            table[at, s.FLAGS] |= SAW_GMEM
            count = 6
        read_struct(table, at, records, i, 2, count)
    return n


@hot_in_place
def inner_probe(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """kprobes below kvm_vm_ioctl and fallocate: what they are given is the kernel's own copy."""
    record, kvm = (records[i, 1] >> 48) & 0xFF, records[i, 2]
    if record == s.R_GMEM_FALLOCATE:
        n = enter(table, at, shared, out, n, ts, s.FALLOCATE, s.MET_INNER, s.NO_FD, s.NONE)
        read_copy(table, at, records, i, 1, 3)
    elif record == s.R_GMEM_CREATE:
        n = enter(table, at, shared, out, n, ts, s.CREATE_GUEST_MEMFD, s.MET_INNER, s.NO_FD, kvm)
        read_copy(table, at, records, i, 1, 2)
    elif records[i, 3] & 0xFFFF < uapi.KVM_USER_MEM_SLOTS:
        n = enter(table, at, shared, out, n, ts, s.SET_REGION, s.MET_INNER, s.NO_FD, kvm)
        has_gmem = (records[i, 1] >> 56) & HAS_GMEM
        read_copy(table, at, records, i, 1, 6 if has_gmem else 4)
        if has_gmem:
            table[at, s.FLAGS] |= SAW_GMEM
    return n


@hot_in_place
def attributes_requested(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """kvm:kvm_vm_set_mem_attributes: the range, after the arguments were found well-formed."""
    code = s.SET_ATTRIBUTES
    if table[at, s.CODE] == s.SET_ATTRIBUTES2:  # on a VM, as early posts have it
        code = s.SET_ATTRIBUTES2
    n = enter(table, at, shared, out, n, ts, code, s.MET_TRACEPOINT, s.NO_FD, s.NONE)
    table[at, s.V] = records[i, 2] << 12
    table[at, s.V + 1] = (records[i, 3] - records[i, 2]) << 12
    table[at, s.V + 2], table[at, s.V + 3] = records[i, 4], 0
    table[at, s.FLAGS] |= SAW_STRUCT
    return n


@hot_in_place
def attributes_changed(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """kvm_arch_post_set_memory_attributes: the part of a conversion that lies in one memslot."""
    first, end, mask = records[i, 4] << 12, records[i, 5] << 12, records[i, 6]
    if table[at, s.CODE] != s.SET_ATTRIBUTES and table[at, s.CODE] != s.SET_ATTRIBUTES2:
        n = emit(table, at, out, n, s.SET_ATTRIBUTES, s.OBSERVED_WITH_STRUCT, ts, ts)
        out[n - 1, 4] = records[i, 2]
        out[n - 1, s.CALL_V], out[n - 1, s.CALL_V + 1] = first, end - first
        out[n - 1, s.CALL_V + 2] = mask
        ask(table, at, shared, out, n - 1)
        return n
    table[at, s.MET] |= s.MET_POST
    table[at, s.KVM] = records[i, 2]
    if not table[at, s.FLAGS] & SAW_STRUCT:
        if table[at, s.FLAGS] & SAW_RANGE_BY_REQUEST:  # a memslot further on: all between is meant
            first = min(first, table[at, s.V])
            end = max(end, table[at, s.V] + table[at, s.V + 1])
        table[at, s.V], table[at, s.V + 1], table[at, s.V + 2] = first, end - first, mask
        table[at, s.FLAGS] |= SAW_RANGE_BY_REQUEST
    return n
