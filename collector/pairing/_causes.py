"""Why a thread converts pages: what its guest asked for last. Compiled; see pairing_state."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part
from collector.codes import SAW_RANGE_BY_REQUEST, SAW_STRUCT
from collector.kvm import uapi
from collector.kvm.catalogue import PHASE_PORTS
from collector.pairing import _state as s
from collector.pairing._rows import emit, set_cause, set_flag, set_vcpu_file

Words = npt.NDArray[np.int64]


@hot_part
def ask(table: Words, at: int, shared: Words, out: Words, n: int) -> None:
    """Give the conversion out[n] its cause, by the last exit of its thread to user space.

    Where another one may have been missed, before the recording began or in a gap, the cause is
    inferred at most.
    """
    is_doubtful = table[at, s.IN_DOUBT] != 0
    cause, certainty = s.CAUSE_NONE, s.CERTAINTY_UNKNOWN
    by_guest = table[at, s.CAUSE] == s.CAUSE_EXPLICIT or table[at, s.CAUSE] == s.CAUSE_IMPLICIT
    if shared[s.HAS_USERSPACE_EXITS]:
        cause = table[at, s.CAUSE] if by_guest else s.CAUSE_VMM
        certainty = s.CERTAINTY_INFERRED if is_doubtful else s.CERTAINTY_SEEN
    elif table[at, s.REQUEST] != s.REQUEST_NONE:
        cause, certainty = s.CAUSE_EXPLICIT, s.CERTAINTY_INFERRED
    of_guest = cause == s.CAUSE_EXPLICIT or cause == s.CAUSE_IMPLICIT
    set_cause(out, n, cause, certainty, table[at, s.VCPU] if of_guest else s.NONE)
    code = (out[n, 3] >> 16) & 0xFF
    has_attributes = code == s.SET_ATTRIBUTES or code == s.SET_ATTRIBUTES2
    if has_attributes and not (out[n, 3] >> 24) & (SAW_STRUCT | SAW_RANGE_BY_REQUEST):
        take_request(table, at, shared, out, n)


@hot_part
def take_request(table: Words, at: int, shared: Words, out: Words, n: int) -> None:
    """Take the range that the guest asked for, once it was surely passed on to the VMM."""
    request = table[at, s.REQUEST]
    is_bare = request == s.REQUEST_HYPERCALL and not shared[s.HAS_USERSPACE_EXITS]
    if request != s.REQUEST_PASSED_ON and not is_bare:
        return
    set_flag(out, n, SAW_RANGE_BY_REQUEST)
    out[n, s.CALL_V] = table[at, s.GPA]
    out[n, s.CALL_V + 1] = table[at, s.SIZE]
    out[n, s.CALL_V + 2] = table[at, s.ATTRIBUTES]
    if out[n, s.CALL_RET] >= 0:
        table[at, s.REQUEST] = s.REQUEST_ANSWERED


@hot_in_place
def direction_of(shared: Words, gpa: int, npages: int, a2: int) -> int:
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
        shared[s.IS_FOREIGN] = 1
    if a2 & uapi.KVM_MAP_GPA_RANGE_ENCRYPTED:
        shared[s.IS_STANDARD] = 1
    if shared[s.IS_FOREIGN] or (hint != 0 and not shared[s.IS_STANDARD]):
        return s.TO_UNKNOWN
    return s.TO_PRIVATE if a2 & uapi.KVM_MAP_GPA_RANGE_ENCRYPTED else s.TO_SHARED


@hot_in_place
def hypercall(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, records: Words, i: int
) -> int:
    """KVM_HC_MAP_GPA_RANGE: what the guest wants, before KVM has looked at it."""
    gpa, npages, a2 = records[i, 3], records[i, 4], records[i, 5]
    to = direction_of(shared, gpa, npages, a2)
    n = emit(table, at, out, n, s.HYPERCALL, s.ENTERED, ts, ts)
    set_vcpu_file(table, at, out, n - 1)
    out[n - 1, s.CALL_V], out[n - 1, s.CALL_V + 1] = gpa, npages
    out[n - 1, s.CALL_V + 2], out[n - 1, s.CALL_V + 3] = a2, to
    table[at, s.REQUEST] = s.REQUEST_NONE
    table[at, s.MAY_RETURN] = 0
    if gpa & 0xFFF == 0 and 0 < npages < 1 << 40:  # else KVM answers EINVAL itself
        table[at, s.REQUEST] = s.REQUEST_HYPERCALL
        table[at, s.GPA], table[at, s.SIZE] = gpa, npages << 12
        table[at, s.ATTRIBUTES] = 0
        if to == s.TO_PRIVATE:
            table[at, s.ATTRIBUTES] = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE
        elif to == s.TO_UNKNOWN:
            table[at, s.ATTRIBUTES] = s.ATTRIBUTES_UNKNOWN
    return n


@hot_in_place
def userspace_exit(
    table: Words, at: int, shared: Words, out: Words, n: int, ts: int, reason: int, errno: int
) -> int:
    """The end of KVM_RUN: what the VMM is asked to do next on this thread."""
    shared[s.HAS_USERSPACE_EXITS] = 1
    table[at, s.IN_DOUBT] = table[at, s.MAY_RETURN] = 0
    if reason == uapi.KVM_EXIT_HYPERCALL and errno >= 0:
        asked = table[at, s.REQUEST] == s.REQUEST_HYPERCALL
        table[at, s.CAUSE] = s.CAUSE_EXPLICIT
        table[at, s.REQUEST] = s.REQUEST_PASSED_ON if asked else s.REQUEST_NONE
    elif reason == uapi.KVM_EXIT_MEMORY_FAULT and errno < 0:
        table[at, s.CAUSE] = s.CAUSE_IMPLICIT
        n = memory_fault(table, at, out, n, ts, errno)
    else:
        table[at, s.CAUSE], table[at, s.REQUEST] = s.CAUSE_VMM, s.REQUEST_NONE
    table[at, s.FAULT_GPA] = 0
    return n


@hot_in_place
def memory_fault(table: Words, at: int, out: Words, n: int, ts: int, errno: int) -> int:
    """KVM_EXIT_MEMORY_FAULT has no range; x86 reports the one page that was touched."""
    n = emit(table, at, out, n, s.MEMORY_FAULT, s.ENTERED, ts, ts)
    set_vcpu_file(table, at, out, n - 1)
    out[n - 1, s.CALL_RET] = errno
    table[at, s.REQUEST] = s.REQUEST_NONE
    if table[at, s.FAULT_GPA] != 0:
        table[at, s.REQUEST] = s.REQUEST_PASSED_ON
        table[at, s.GPA] = (table[at, s.FAULT_GPA] - 1) & ~0xFFF
        table[at, s.SIZE], table[at, s.ATTRIBUTES] = 4096, s.ATTRIBUTES_UNKNOWN
        set_flag(out, n - 1, SAW_RANGE_BY_REQUEST)
        out[n - 1, s.CALL_V], out[n - 1, s.CALL_V + 1] = table[at, s.GPA], table[at, s.SIZE]
    return n


@hot_in_place
def fault(table: Words, at: int, out: Words, n: int, ts: int, records: Words, i: int) -> int:
    """kvm_page_fault and kvm_rmp_fault."""
    vcpu = records[i, 2]
    table[at, s.VCPU] = vcpu + 1 if -1 <= vcpu <= s.MOST_VCPU else s.NO_VCPU_AT_ALL
    table[at, s.MAY_RETURN] = 0
    if (records[i, 1] >> 48) & 0xFF == s.R_PAGE_FAULT:
        gpa = records[i, 4]
        n = emit(table, at, out, n, s.PAGE_FAULT, s.ENTERED, ts, ts)
        out[n - 1, s.CALL_V] = gpa
        # TDX puts the shared bit (47 or 51) into the address: no page of the guest's.
        table[at, s.FAULT_GPA] = gpa + 1 if 0 <= gpa < 1 << 46 else 0
    else:
        n = emit(table, at, out, n, s.RMP_FAULT, s.ENTERED, ts, ts)
        out[n - 1, s.CALL_V] = records[i, 3]
        out[n - 1, s.CALL_V + 2] = records[i, 6]
    out[n - 1, s.CALL_V + 1] = records[i, 5]
    set_vcpu_file(table, at, out, n - 1)
    return n


@hot_in_place
def port_written(table: Words, at: int, out: Words, n: int, ts: int, records: Words, i: int) -> int:
    """kvm_pio: of what a guest writes to ports, the marks of its firmware and boot."""
    if records[i, 3] != uapi.KVM_PIO_OUT or (records[i, 2] >> 32) & 0xFFFF not in PHASE_PORTS:
        return n
    table[at, s.MAY_RETURN] = 0
    n = emit(table, at, out, n, s.PHASE_MARK, s.ENTERED, ts, ts)
    out[n - 1, s.CALL_V] = records[i, 2]
    set_vcpu_file(table, at, out, n - 1)
    return n
