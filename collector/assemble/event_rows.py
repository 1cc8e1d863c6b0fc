"""CALL rows -> EVENT rows: one vectorised pass, no knowledge of VMs."""

import numpy as np
import numpy.typing as npt

from app.model.events import (
    EVENT,
    PAGE_SHIFT,
    PAGE_SIZE,
    UNKNOWN_LATENCY,
    Certainty,
    EventArray,
    EventKind,
    Outcome,
    To,
)
from collector.records import (
    SAW_ENTER,
    SAW_EXIT,
    SAW_RANGE_BY_REQUEST,
    SAW_STRUCT,
    CallArray,
    CallCode,
)

EFAULT = 14
FALLOC_FL_PUNCH_HOLE = 2
KVM_MEMORY_ATTRIBUTE_PRIVATE = 1 << 3
ATTRIBUTES_UNKNOWN = (1 << 64) - 1
"""In place of an attribute mask: the range is known, the direction is not."""

_KIND_OF_CODE = {
    CallCode.SET_ATTRIBUTES: EventKind.CONVERSION,
    CallCode.SET_REGION: EventKind.MEMSLOT,
    CallCode.CREATE_GUEST_MEMFD: EventKind.GUEST_MEMFD,
    CallCode.FALLOCATE: EventKind.ALLOCATE,
    CallCode.HYPERCALL: EventKind.HYPERCALL,
    CallCode.MEMORY_FAULT: EventKind.MEMORY_FAULT,
    CallCode.PAGE_FAULT: EventKind.PAGE_FAULT,
    CallCode.UNMAP: EventKind.UNMAP,
    CallCode.RMP_FAULT: EventKind.RMP_FAULT,
    CallCode.LOSS_BEGIN: EventKind.LOSS_BEGIN,
    CallCode.LOSS_END: EventKind.LOSS_END,
}
_KIND = np.zeros(256, dtype=np.uint8)
for _code, _kind in _KIND_OF_CODE.items():
    _KIND[_code] = _kind
_IS_SYSTEM_CALL = np.zeros(256, dtype=bool)
_IS_SYSTEM_CALL[
    [
        CallCode.SET_ATTRIBUTES,
        CallCode.SET_REGION,
        CallCode.CREATE_GUEST_MEMFD,
        CallCode.FALLOCATE,
    ]
] = True


def distrust_unread_structs(calls: CallArray) -> CallArray:
    """Clear SAW_STRUCT where what a probe read cannot be what the kernel read.

    EFAULT means that the kernel itself could not read the struct; and a probe, which must not
    fault, leaves rubbish where a page was not resident. KVM refuses attribute calls that are
    empty, unaligned or carry flags, so one that worked, or may have, cannot have looked like that.
    """
    is_struct = calls["flags"] & SAW_STRUCT != 0
    code, v = calls["code"], calls["v"]
    bad = is_struct & (calls["ret"] == -EFAULT) & _IS_SYSTEM_CALL[code]
    bad &= code != CallCode.FALLOCATE
    may_have_worked = is_struct & ((calls["ret"] == 0) | (calls["flags"] & SAW_EXIT == 0))
    impossible = ((v[:, 0] | v[:, 1]) & np.uint64(PAGE_SIZE - 1) != 0) | (v[:, 1] == 0)
    impossible |= v[:, 3] != 0
    bad |= may_have_worked & (code == CallCode.SET_ATTRIBUTES) & impossible
    if not bad.any():
        return calls
    trusted = calls.copy()
    trusted["flags"][bad] &= np.uint8(0xFF & ~SAW_STRUCT)
    return trusted


def event_rows(calls: CallArray, start_ns: int) -> EventArray:
    """One EVENT per CALL, in the same order. Ranges of fallocate and unmap are left unknown.

    Codes that are no events (CREATE_VM, CLOSE, ...) give rows of kind 0, which the caller drops.
    """
    events = np.zeros(len(calls), dtype=EVENT)
    code = calls["code"]
    events["kind"] = _KIND[code]
    events["t"] = (calls["ts_enter"] - np.uint64(start_ns)).astype(np.int64)
    events["tid"] = calls["tid"]
    events["vcpu"] = calls["vcpu"]
    events["cause"] = calls["cause"]
    events["cause_certainty"] = calls["cause_certainty"]
    events["to"] = To.UNKNOWN
    _fill_outcome(events, calls)
    _fill_range(events, calls)
    _fill_direction(events, calls)
    _fill_aux(events, calls)
    return events


def _fill_outcome(events: EventArray, calls: CallArray) -> None:
    flags, is_call = calls["flags"], _IS_SYSTEM_CALL[calls["code"]]
    both = flags & (SAW_ENTER | SAW_EXIT) == SAW_ENTER | SAW_EXIT
    latency = (calls["ts_exit"] - calls["ts_enter"]).astype(np.int64)
    events["latency_ns"] = np.where(is_call & both, latency, UNKNOWN_LATENCY)
    returned = flags & SAW_EXIT != 0
    failed = returned & (calls["ret"] < 0)
    outcome = np.where(failed, Outcome.FAILED, Outcome.APPLIED)
    events["outcome"] = np.where(is_call & ~returned, Outcome.UNCONFIRMED, outcome)
    is_fault = calls["code"] == CallCode.MEMORY_FAULT  # an exit that always comes with an errno
    events["errno"] = np.where(failed | is_fault, np.clip(-calls["ret"], 0, 4095), 0)


def _fill_range(events: EventArray, calls: CallArray) -> None:
    code, v = calls["code"], calls["v"]
    address, size = np.zeros_like(v[:, 0]), np.zeros_like(v[:, 0])
    page = np.uint64(PAGE_SIZE)
    for which, address_at, size_at in (
        (CallCode.SET_ATTRIBUTES, 0, 1),
        (CallCode.SET_REGION, 1, 2),
        (CallCode.CREATE_GUEST_MEMFD, None, 0),
        (CallCode.MEMORY_FAULT, 0, 1),
        (CallCode.PAGE_FAULT, 0, None),
        (CallCode.RMP_FAULT, 0, None),
        (CallCode.HYPERCALL, 0, None),
    ):
        rows = code == which
        if address_at is not None:
            address[rows] = v[rows, address_at]
        size[rows] = page if size_at is None else v[rows, size_at]
    events["range_certainty"] = _range_certainty(calls)
    known = events["range_certainty"] != Certainty.UNKNOWN
    shift, low = np.uint64(PAGE_SHIFT), np.uint64(PAGE_SIZE - 1)
    events["gfn"] = np.where(known, address >> shift, 0)
    events["npages"] = np.where(known, size >> shift, 0)
    events["address_low"] = np.where(known, address & low, 0)
    events["size_low"] = np.where(known, size & low, 0)
    rows = code == CallCode.HYPERCALL
    events["npages"][rows] = v[rows, 1]


def _range_certainty(calls: CallArray) -> npt.NDArray[np.uint8]:
    code, flags = calls["code"], calls["flags"]
    by_struct = np.where(flags & SAW_RANGE_BY_REQUEST != 0, Certainty.INFERRED, Certainty.UNKNOWN)
    certainty = np.where(flags & SAW_STRUCT != 0, Certainty.SEEN, by_struct)
    always_seen = np.isin(code, (CallCode.PAGE_FAULT, CallCode.RMP_FAULT, CallCode.HYPERCALL))
    never_here = np.isin(
        code, (CallCode.FALLOCATE, CallCode.UNMAP, CallCode.LOSS_BEGIN, CallCode.LOSS_END)
    )
    certainty = np.where(always_seen, Certainty.SEEN, certainty)
    return np.where(never_here, Certainty.UNKNOWN, certainty).astype(np.uint8)


def _fill_direction(events: EventArray, calls: CallArray) -> None:
    known = events["range_certainty"] != Certainty.UNKNOWN
    mask = calls["v"][:, 2]
    private = mask & np.uint64(KVM_MEMORY_ATTRIBUTE_PRIVATE) != 0
    conversion = (calls["code"] == CallCode.SET_ATTRIBUTES) & known
    conversion &= mask != np.uint64(ATTRIBUTES_UNKNOWN)
    events["to"][conversion & private] = To.PRIVATE
    events["to"][conversion & ~private] = To.SHARED
    hypercall = calls["code"] == CallCode.HYPERCALL
    events["to"][hypercall] = calls["v"][hypercall, 3].astype(np.uint8)


def _fill_aux(events: EventArray, calls: CallArray) -> None:
    code, v = calls["code"], calls["v"]
    for which, at in (
        (CallCode.SET_ATTRIBUTES, 2),
        (CallCode.SET_REGION, 0),
        (CallCode.CREATE_GUEST_MEMFD, 1),
        (CallCode.FALLOCATE, 1),
        (CallCode.HYPERCALL, 2),
        (CallCode.MEMORY_FAULT, 2),
        (CallCode.PAGE_FAULT, 1),
        (CallCode.UNMAP, 0),
        (CallCode.RMP_FAULT, 1),
        (CallCode.LOSS_BEGIN, 0),
        (CallCode.LOSS_END, 0),
    ):
        rows = code == which
        events["aux"][rows] = v[rows, at]
    unread = (code == CallCode.SET_ATTRIBUTES) & (calls["v"][:, 2] == np.uint64(ATTRIBUTES_UNKNOWN))
    unread |= (
        _IS_SYSTEM_CALL[code]
        & (code != CallCode.FALLOCATE)
        & (events["range_certainty"] == Certainty.UNKNOWN)
    )
    events["aux"][unread] = 0
    punches = (code == CallCode.FALLOCATE) & (v[:, 0] & np.uint64(FALLOC_FL_PUNCH_HOLE) != 0)
    events["kind"][punches] = EventKind.PUNCH_HOLE
