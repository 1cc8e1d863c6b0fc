"""Why a thread converts pages: what its guest asked for last. Compiled; see _state."""

from app.compiled import hot_in_place, hot_part
from app.model.guest import Cause, Certainty, To
from collector.codes import SAW_RANGE_BY_REQUEST, SAW_STRUCT, CallCode
from collector.kvm import uapi
from collector.kvm.catalogue import PHASE_PORTS, MarkShift
from collector.pairing import _state as s
from collector.pairing._rows import emit, set_vcpu_file
from collector.pairing._state import Request, Row, Tables


@hot_part
def ask(tables: Tables, thread: Row, call: Row) -> None:
    """Give a conversion its cause, by the last exit of its thread to user space.

    Where another one may have been missed, before the recording began or in a gap, the cause is
    inferred at most.
    """
    if tables.shared[0].has_userspace_exits:
        is_by_guest = thread.cause == Cause.EXPLICIT or thread.cause == Cause.IMPLICIT
        call.cause = thread.cause if is_by_guest else Cause.VMM
        call.cause_certainty = Certainty.INFERRED if thread.in_doubt else Certainty.SEEN
    elif thread.request != Request.NONE:
        call.cause, call.cause_certainty = Cause.EXPLICIT, Certainty.INFERRED
    if call.cause == Cause.EXPLICIT or call.cause == Cause.IMPLICIT:
        call.vcpu = thread.vcpu - 1
    has_attributes = call.code == CallCode.SET_ATTRIBUTES or call.code == CallCode.SET_ATTRIBUTES2
    if has_attributes and not call.flags & (SAW_STRUCT | SAW_RANGE_BY_REQUEST):
        take_request(tables, thread, call)


@hot_part
def take_request(tables: Tables, thread: Row, call: Row) -> None:
    """Take the range that the guest asked for, once it was surely passed on to the VMM."""
    is_bare = thread.request == Request.HYPERCALL and not tables.shared[0].has_userspace_exits
    if thread.request != Request.PASSED_ON and not is_bare:
        return
    call.flags |= SAW_RANGE_BY_REQUEST
    call.v[0], call.v[1], call.v[2] = thread.gpa, thread.size, thread.attributes
    if call.ret >= 0:
        thread.request = Request.ANSWERED


@hot_in_place
def direction_of(shared: Row, gpa: int, npages: int, a2: int) -> int:
    """What a2 of KVM_HC_MAP_GPA_RANGE asks for, if its flags are MapGPA's (KVM does not look).

    A VMM may define flags of its own (private_mem_conversions_test does): once flags appear that
    MapGPA does not have, no direction is taken from any; 2M and 1G hints alone decide nothing until
    the ENCRYPTED bit was seen.
    """
    hint = a2 & 0xF
    of_hint = 1
    if hint == uapi.KVM_MAP_GPA_RANGE_PAGE_SZ_2M:
        of_hint = 512
    elif hint == uapi.KVM_MAP_GPA_RANGE_PAGE_SZ_1G:
        of_hint = 1 << 18
    if (
        a2 >> 5
        or hint > uapi.KVM_MAP_GPA_RANGE_PAGE_SZ_1G
        or npages % of_hint
        or (gpa >> 12) % of_hint
    ):
        shared.is_foreign = 1
    if a2 & uapi.KVM_MAP_GPA_RANGE_ENCRYPTED:
        shared.is_standard = 1
    if shared.is_foreign or (hint != 0 and not shared.is_standard):
        return To.UNKNOWN
    return To.PRIVATE if a2 & uapi.KVM_MAP_GPA_RANGE_ENCRYPTED else To.SHARED


@hot_in_place
def hypercall(tables: Tables, thread: Row, record: Row) -> None:
    """KVM_HC_MAP_GPA_RANGE: what the guest wants, before KVM has looked at it."""
    gpa, npages, a2 = record.v[1], record.v[2], record.v[3]
    to = direction_of(tables.shared[0], gpa, npages, a2)
    n = emit(tables, thread, CallCode.HYPERCALL, s.ENTERED, record.ts, record.ts)
    call = tables.calls[n]
    set_vcpu_file(thread, call)
    call.v[0], call.v[1], call.v[2], call.v[3] = gpa, npages, a2, to
    thread.request = Request.NONE
    thread.may_return = 0
    if gpa & 0xFFF == 0 and 0 < npages < 1 << 40:  # else KVM answers EINVAL itself
        thread.request = Request.HYPERCALL
        thread.gpa, thread.size = gpa, npages << 12
        thread.attributes = 0
        if to == To.PRIVATE:
            thread.attributes = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE
        elif to == To.UNKNOWN:
            thread.attributes = s.ATTRIBUTES_UNKNOWN


@hot_in_place
def userspace_exit(tables: Tables, thread: Row, record: Row) -> None:
    """The end of KVM_RUN: what the VMM is asked to do next on this thread."""
    reason, errno = record.v[0], record.v[1]
    tables.shared[0].has_userspace_exits = 1
    thread.in_doubt, thread.may_return = 0, 0
    if reason == uapi.KVM_EXIT_HYPERCALL and errno >= 0:
        was_seen = thread.request == Request.HYPERCALL
        thread.cause = Cause.EXPLICIT
        thread.request = Request.PASSED_ON if was_seen else Request.NONE
    elif reason == uapi.KVM_EXIT_MEMORY_FAULT and errno < 0:
        thread.cause = Cause.IMPLICIT
        memory_fault(tables, thread, record.ts, errno)
    else:
        thread.cause, thread.request = Cause.VMM, Request.NONE
    thread.fault_gpa = 0


@hot_in_place
def memory_fault(tables: Tables, thread: Row, ts: int, errno: int) -> None:
    """KVM_EXIT_MEMORY_FAULT has no range; x86 reports the one page that was touched."""
    n = emit(tables, thread, CallCode.MEMORY_FAULT, s.ENTERED, ts, ts)
    call = tables.calls[n]
    set_vcpu_file(thread, call)
    call.ret = errno
    thread.request = Request.NONE
    if thread.fault_gpa != 0:
        thread.request = Request.PASSED_ON
        thread.gpa = (thread.fault_gpa - 1) & ~0xFFF
        thread.size, thread.attributes = 4096, s.ATTRIBUTES_UNKNOWN
        call.flags |= SAW_RANGE_BY_REQUEST
        call.v[0], call.v[1] = thread.gpa, thread.size


@hot_part
def fault_gpa_of(gpa: int) -> int:
    """What a thread keeps of the address of a page fault. TDX puts the shared bit (47 or 51) into
    it: no page of the guest's."""
    return gpa + 1 if 0 <= gpa < 1 << 46 else 0


@hot_in_place
def port_written(tables: Tables, thread: Row, record: Row) -> None:
    """kvm_pio: of what a guest writes to ports, the marks of its firmware and boot."""
    port, direction = record.v[0] >> MarkShift.PORT & 0xFFFF, record.v[1]
    if direction != uapi.KVM_PIO_OUT or port not in PHASE_PORTS:
        return
    thread.may_return = 0
    n = emit(tables, thread, CallCode.PHASE_MARK, s.ENTERED, record.ts, record.ts)
    tables.calls[n].v[0] = record.v[0]
    set_vcpu_file(thread, tables.calls[n])
