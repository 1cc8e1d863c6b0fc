"""CALL rows -> EVENT rows: one compiled pass, no knowledge of VMs."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part, whole
from app.model.events import EVENT, EventArray
from app.model.guest import (
    PAGE_SHIFT,
    PAGE_SIZE,
    UNKNOWN_LATENCY,
    Certainty,
    EventKind,
    Outcome,
    To,
)
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_RANGE_BY_REQUEST, SAW_STRUCT, CallCode
from collector.kvm import uapi
from collector.kvm.catalogue import NOT_THERE, Range, calls
from collector.records import CallArray

EAGAIN = 11
EFAULT = 14
ATTRIBUTES_UNKNOWN = -1
"""In place of an attribute mask: the range is known, the direction is not."""
MAX_ERRNO = 4095
LOW = PAGE_SIZE - 1
GFNS_OF_64_BITS = 1 << (64 - PAGE_SHIFT)

Codes = npt.NDArray[np.int64]

# What a code means: its kind, whether it is a system call, which of v are the address, the size
# and aux (NOT_THERE: none), and how its range is known (collector.kvm.catalogue.Range).
KIND, IS_CALL, ADDRESS_AT, SIZE_AT, AUX_AT, RANGE = range(6)
BY_STRUCT, ALWAYS = int(Range.BY_STRUCT), int(Range.ALWAYS)

_MEANING_OF_CODE = np.zeros((256, 6), dtype=np.int64)
for _call in calls().values():
    if _call.kind is not None:
        _MEANING_OF_CODE[_call.code] = (
            _call.kind,
            _call.is_system_call,
            _call.address,
            _call.size,
            _call.aux,
            _call.range,
        )
for _code, _kind in (
    (CallCode.LOSS_BEGIN, EventKind.LOSS_BEGIN),
    (CallCode.LOSS_END, EventKind.LOSS_END),
):
    _MEANING_OF_CODE[_code] = (_kind, 0, NOT_THERE, NOT_THERE, 0, Range.NOT_HERE)


def distrust_unread_structs(calls: CallArray) -> CallArray:
    """Clear SAW_STRUCT where what a probe read cannot be what the kernel read.

    EFAULT means that the kernel itself could not read the struct; and a probe, which must not
    fault, leaves rubbish where a page was not resident. KVM refuses attribute calls that are
    empty, unaligned, wrap around or carry flags (kvm_vm_ioctl_set_mem_attributes(),
    virt/kvm/kvm_main.c), so one that worked, or may have, cannot have looked like that.
    """
    unread = np.empty(len(calls), dtype=np.bool_)
    if not find_unread(calls, _MEANING_OF_CODE, unread):
        return calls
    trusted = whole(calls).copy().view(calls.dtype)
    trusted["flags"][unread] &= np.uint8(0xFF & ~SAW_STRUCT)
    return trusted


@hot_in_place
def find_unread(calls: CallArray, meanings: Codes, unread: npt.NDArray[np.bool_]) -> int:
    """Mark the calls whose struct was not read; returns how many."""
    count = 0
    for i in range(calls.size):
        call = calls[i]
        unread[i] = False
        if call.flags & SAW_STRUCT == 0 or meanings[call.code, IS_CALL] == 0:
            continue
        if call.code == CallCode.FALLOCATE:
            continue
        unread[i] = call.ret == -EFAULT
        is_conversion = (
            call.code == CallCode.SET_ATTRIBUTES or call.code == CallCode.SET_ATTRIBUTES2
        )
        if is_conversion and (call.ret == 0 or call.flags & SAW_EXIT == 0):
            uneven = np.int64(call.v[0] | call.v[1]) & LOW
            # (Posts of the in-place series had flags.)
            has_flags = call.code == CallCode.SET_ATTRIBUTES and call.v[3] != 0
            unread[i] = uneven != 0 or call.v[1] == 0 or has_flags
            if call.flags & SAW_EXIT != 0 and call.v[1] > ~call.v[0]:
                unread[i] = True  # the end is more than 64 bits hold
        if unread[i]:
            count += 1
    return count


def event_rows(calls: CallArray, start_ns: int) -> EventArray:
    """One EVENT per CALL, in the same order. Ranges that a call alone does not give (of files and
    of the VMM's memory) are left unknown.

    Codes that are no events (CREATE_VM, CLOSE, ...) give rows of kind 0, which the caller drops.
    """
    events = np.zeros(len(calls), dtype=EVENT)
    fill_rows(events, calls, start_ns, _MEANING_OF_CODE)
    return events


@hot_in_place
def fill_rows(events: EventArray, calls: CallArray, start_ns: int, meanings: Codes) -> None:
    for i in range(calls.size):
        call, event = calls[i], events[i]
        code = call.code
        event.kind = meanings[code, KIND]
        event.t = np.int64(call.ts_enter) - start_ns
        event.tid = call.tid
        event.vcpu = call.vcpu
        event.cause = call.cause
        event.cause_certainty = call.cause_certainty
        event.to = To.UNKNOWN
        fill_outcome(events, calls, i, meanings[code, IS_CALL] != 0)
        fill_range(events, calls, i, meanings)
        fill_aux(events, calls, i, meanings)


@hot_part
def fill_outcome(events: EventArray, calls: CallArray, i: int, is_call: bool) -> None:
    call, event = calls[i], events[i]
    returned = call.flags & SAW_EXIT != 0
    event.latency_ns = UNKNOWN_LATENCY
    if is_call and returned and call.flags & SAW_ENTER != 0:
        event.latency_ns = np.int64(call.ts_exit) - np.int64(call.ts_enter)
    failed = returned and call.ret < 0
    event.outcome = Outcome.APPLIED
    if is_call and not returned:
        event.outcome = Outcome.UNCONFIRMED
    elif failed:
        event.outcome = Outcome.FAILED
    if failed or call.code == CallCode.MEMORY_FAULT:  # an exit that always comes with an errno
        event.errno = min(max(-call.ret, 0), MAX_ERRNO)


@hot_part
def certainty_of_range(calls: CallArray, i: int, how: int) -> int:
    call = calls[i]
    if how == ALWAYS:
        return Certainty.SEEN
    may_be_requested = how == BY_STRUCT or call.code == CallCode.SET_ATTRIBUTES2
    if how == BY_STRUCT and call.flags & SAW_STRUCT != 0:
        return Certainty.SEEN
    if may_be_requested and call.flags & SAW_RANGE_BY_REQUEST != 0:
        return Certainty.INFERRED
    return Certainty.UNKNOWN


@hot_part
def fill_range(events: EventArray, calls: CallArray, i: int, meanings: Codes) -> None:
    call, event = calls[i], events[i]
    code = call.code
    certainty = certainty_of_range(calls, i, meanings[code, RANGE])
    event.range_certainty = certainty
    if certainty != Certainty.UNKNOWN:
        address, size = np.uint64(0), np.uint64(PAGE_SIZE)
        if meanings[code, ADDRESS_AT] >= 0:
            address = call.v[meanings[code, ADDRESS_AT]]
        if meanings[code, SIZE_AT] >= 0:
            size = call.v[meanings[code, SIZE_AT]]
        gfn, npages = address >> np.uint64(PAGE_SHIFT), size >> np.uint64(PAGE_SHIFT)
        if code == CallCode.HYPERCALL:
            npages = call.v[1]
        if npages > np.uint64(GFNS_OF_64_BITS):
            # A guest may ask for more than there are addresses.
            event.range_certainty = Certainty.UNKNOWN
        else:
            event.gfn, event.npages = gfn, npages
            event.address_low = address & np.uint64(LOW)
            event.size_low = size & np.uint64(LOW)
    if code == CallCode.HYPERCALL:
        event.to = call.v[3]
    if code == CallCode.PAGE_FAULT and call.v[1] & np.uint64(uapi.PFERR_PRIVATE_ACCESS) != 0:
        event.to = To.PRIVATE
    is_conversion = code == CallCode.SET_ATTRIBUTES or code == CallCode.SET_ATTRIBUTES2
    has_range = certainty != Certainty.UNKNOWN or (
        code == CallCode.SET_ATTRIBUTES2 and call.flags & SAW_STRUCT != 0
    )
    if is_conversion and has_range and np.int64(call.v[2]) != ATTRIBUTES_UNKNOWN:
        is_private = np.int64(call.v[2]) & uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE != 0
        event.to = To.PRIVATE if is_private else To.SHARED


@hot_part
def fill_aux(events: EventArray, calls: CallArray, i: int, meanings: Codes) -> None:
    call, event = calls[i], events[i]
    code = call.code
    if meanings[code, AUX_AT] < 0:
        return
    aux = call.v[meanings[code, AUX_AT]]
    if code == CallCode.FALLOCATE:
        if call.v[0] & np.uint64(uapi.FALLOC_FL_PUNCH_HOLE) != 0:
            event.kind = EventKind.PUNCH_HOLE
    elif meanings[code, IS_CALL] != 0:
        had_range = event.range_certainty != Certainty.UNKNOWN or call.flags & SAW_STRUCT != 0
        if not had_range:
            aux = np.uint64(0)
    is_conversion = code == CallCode.SET_ATTRIBUTES or code == CallCode.SET_ATTRIBUTES2
    if is_conversion and np.int64(aux) == ATTRIBUTES_UNKNOWN:
        aux = np.uint64(0)
    if code == CallCode.SET_ATTRIBUTES2 and call.ret == -EAGAIN and call.v[4] != 0:
        aux = call.v[4]
    if code == CallCode.PAGE_CACHE_ADD or code == CallCode.PAGE_CACHE_DELETE:
        aux <<= np.uint64(PAGE_SHIFT)
    event.aux = aux
