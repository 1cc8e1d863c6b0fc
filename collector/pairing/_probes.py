"""Probes inside a call: what they record of its arguments. Compiled; see _state for names."""

from app.compiled import constant, hot_in_place, hot_part
from collector.codes import (
    HAS_GMEM,
    SAW_GMEM,
    SAW_RANGE_BY_REQUEST,
    SAW_STRUCT,
    CallCode,
    RecordCode,
)
from collector.kvm import uapi
from collector.pairing import _state as s
from collector.pairing._calls import enter, read_copy, read_struct
from collector.pairing._causes import ask
from collector.pairing._rows import emit, sign_extended
from collector.pairing._state import Met, Row, Tables

_SET_ATTRIBUTES = constant(CallCode.SET_ATTRIBUTES)


@hot_part
def code_of(cmd: int) -> int:
    cmd &= 0xFFFFFFFF
    code = s.OTHER
    if cmd == uapi.KVM_SET_MEMORY_ATTRIBUTES:
        code = CallCode.SET_ATTRIBUTES
    elif cmd == uapi.KVM_SET_USER_MEMORY_REGION or cmd == uapi.KVM_SET_USER_MEMORY_REGION2:
        code = CallCode.SET_REGION
    elif cmd == uapi.KVM_CREATE_GUEST_MEMFD:
        code = CallCode.CREATE_GUEST_MEMFD
    elif cmd == uapi.KVM_CREATE_VM:
        code = CallCode.CREATE_VM
    elif cmd == uapi.KVM_CREATE_VCPU:
        code = CallCode.CREATE_VCPU
    elif cmd == uapi.KVM_SET_MEMORY_ATTRIBUTES2:
        code = CallCode.SET_ATTRIBUTES2
    elif cmd == uapi.KVM_MEMORY_ENCRYPT_REG_REGION:
        code = CallCode.REGISTER_REGION
    elif cmd == uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION:
        code = CallCode.UNREGISTER_REGION
    return code


@hot_part
def may_be(open_code: int, code: int) -> bool:
    """Whether a call that a probe opened by its struct alone can be that of a cmd."""
    if code == CallCode.SET_ATTRIBUTES2:
        return bool(open_code == CallCode.SET_ATTRIBUTES)
    is_region = code == CallCode.REGISTER_REGION or code == CallCode.UNREGISTER_REGION
    return bool(is_region and open_code == s.SOME_REGION)


@hot_in_place
def code_by_struct(thread: Row, code: int, cmd: int) -> int:
    """What a probe's struct belongs to: `code` if neither the probe nor the open call shows it."""
    if cmd != 0:
        return code_of(cmd)
    return thread.code if may_be(code, thread.code) else code


@hot_part
def user_probe(tables: Tables, thread: Row, record: Row) -> None:
    """Event probes on sys_enter_ioctl that read the user's struct."""
    has_gmem = record.flags & HAS_GMEM
    code, count = _SET_ATTRIBUTES, 4
    if record.code == RecordCode.USER_REGION:
        code, count = CallCode.SET_REGION, 6 if has_gmem else 4
    elif record.code == RecordCode.USER_GUEST_MEMFD:
        code, count = CallCode.CREATE_GUEST_MEMFD, 2
    elif record.code == RecordCode.USER_ENC_REGION:
        code, count = code_by_struct(thread, s.SOME_REGION, record.v[3]), 2
    else:
        code = code_by_struct(thread, code, record.v[5])
    enter(tables, thread, code, Met.USER, record.v[0], s.NONE)
    read_struct(thread, record, 1, count)
    if record.code == RecordCode.USER_REGION and has_gmem:
        thread.flags |= SAW_GMEM


@hot_in_place
def vm_ioctl(tables: Tables, thread: Row, record: Row) -> None:
    """kprobe kvm_vm_ioctl: struct kvm *, cmd, and the user's struct as far as 48 bytes."""
    kvm, cmd = record.v[0], record.v[1]
    code = code_of(cmd)
    if code == s.OTHER and thread.code == s.OTHER:
        return
    enter(tables, thread, code, Met.VM_IOCTL, s.NO_FD, kvm)
    thread.cmd = cmd
    if code == CallCode.SET_ATTRIBUTES or code == CallCode.SET_ATTRIBUTES2:
        read_struct(thread, record, 2, 4)
    elif (
        code == CallCode.CREATE_GUEST_MEMFD
        or code == CallCode.REGISTER_REGION
        or code == CallCode.UNREGISTER_REGION
    ):
        read_struct(thread, record, 2, 2)
    elif code == CallCode.SET_REGION:
        count = 4
        if cmd & 0xFFFFFFFF == uapi.KVM_SET_USER_MEMORY_REGION2:
            record.v[7] = sign_extended(record.v[7])
            thread.flags |= SAW_GMEM
            count = 6
        read_struct(thread, record, 2, count)


@hot_in_place
def inner_probe(tables: Tables, thread: Row, record: Row) -> None:
    """kprobes below kvm_vm_ioctl and fallocate: what they are given is the kernel's own copy."""
    kvm = record.v[0]
    if record.code == RecordCode.GMEM_FALLOCATE:
        enter(tables, thread, CallCode.FALLOCATE, Met.INNER, s.NO_FD, s.NONE)
        read_copy(thread, record, 1, 3)
    elif record.code == RecordCode.GMEM_CREATE:
        enter(tables, thread, CallCode.CREATE_GUEST_MEMFD, Met.INNER, s.NO_FD, kvm)
        read_copy(thread, record, 1, 2)
    elif record.v[1] & 0xFFFF < uapi.KVM_USER_MEM_SLOTS:
        enter(tables, thread, CallCode.SET_REGION, Met.INNER, s.NO_FD, kvm)
        has_gmem = record.flags & HAS_GMEM
        read_copy(thread, record, 1, 6 if has_gmem else 4)
        if has_gmem:
            thread.flags |= SAW_GMEM


@hot_in_place
def attributes_requested(tables: Tables, thread: Row, record: Row) -> None:
    """kvm:kvm_vm_set_mem_attributes: the range, after the arguments were found well-formed."""
    code = CallCode.SET_ATTRIBUTES
    if thread.code == CallCode.SET_ATTRIBUTES2:  # on a VM, as early posts have it
        code = CallCode.SET_ATTRIBUTES2
    enter(tables, thread, code, Met.TRACEPOINT, s.NO_FD, s.NONE)
    thread.v[0] = record.v[0] << 12
    thread.v[1] = (record.v[1] - record.v[0]) << 12
    thread.v[2], thread.v[3] = record.v[2], 0
    thread.flags |= SAW_STRUCT


@hot_in_place
def attributes_changed(tables: Tables, thread: Row, record: Row) -> None:
    """kvm_arch_post_set_memory_attributes: the part of a conversion that lies in one memslot."""
    first, end, mask = record.v[2] << 12, record.v[3] << 12, record.v[4]
    if thread.code != CallCode.SET_ATTRIBUTES and thread.code != CallCode.SET_ATTRIBUTES2:
        code, ts = CallCode.SET_ATTRIBUTES, record.ts
        n = emit(tables, thread, code, s.SEEN_WITH_STRUCT, ts, ts)
        call = tables.calls[n]
        call.kvm = record.v[0]
        call.v[0], call.v[1], call.v[2] = first, end - first, mask
        ask(tables, thread, call)
        return
    thread.met |= Met.POST
    thread.kvm = record.v[0]
    if not thread.flags & SAW_STRUCT:
        if thread.flags & SAW_RANGE_BY_REQUEST:  # a memslot further on: all between is meant
            first = min(first, thread.v[0])
            end = max(end, thread.v[0] + thread.v[1])
        thread.v[0], thread.v[1], thread.v[2] = first, end - first, mask
        thread.flags |= SAW_RANGE_BY_REQUEST
