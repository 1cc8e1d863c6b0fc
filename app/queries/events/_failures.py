"""Why calls failed, as far as the call itself and the kernel's rules show."""

import errno
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray
from app.model.guest import KVM_MEMORY_ATTRIBUTE_PRIVATE, PAGE_SHIFT, Certainty, Memslot
from app.queries.tables import ERRNO_NAMES

NO_LAYOUT = "memslots not recorded"

_RULES = {
    errno.EAGAIN: "the kernel asks to try again: a page of the range was in use elsewhere",
    errno.EBADF: "the file descriptor is not open",
    errno.EFAULT: "the kernel could not read the caller's struct",
    errno.EINTR: "a signal interrupted it",
    errno.ENOMEM: "the kernel had no memory for the range's entries: it keeps one a page",
    errno.ENOTTY: "this kernel, or this type of VM, has no memory attributes",
    errno.EPERM: "not permitted",
}


_NO_RULE = "the kernel gives no rule for it"
_NOT_RECORDED = "an argument breaks a rule; the arguments were not recorded"
_ATTRIBUTES = "attributes have bits other than KVM_MEMORY_ATTRIBUTE_PRIVATE"
_UNALIGNED = "address or size is not a multiple of 4 KiB"
_EMPTY = "the size is 0"
_WRAPS = "the range wraps around"
_FLAGS = "flags were set, or this VM cannot have private memory"
RULES = frozenset(
    {*_RULES.values(), _NO_RULE, _NOT_RECORDED, _ATTRIBUTES, _UNALIGNED, _EMPTY, _WRAPS, _FLAGS}
)
"""All that `why_failed` may begin with; what follows is about one call."""


def errno_name(number: int) -> str:
    return ERRNO_NAMES[number] or f"errno {number}"


def why_failed(call: np.void) -> str:
    """The rule that a conversion broke.

    EINVAL by the checks of kvm_vm_ioctl_set_mem_attributes() (virt/kvm/kvm_main.c), in its order:
    flags, attributes that the VM lacks, an empty or wrapping range, a range off page borders.
    """
    number = int(call["errno"])
    if number != errno.EINVAL:
        return _RULES.get(number, _NO_RULE)
    if call["range_certainty"] == Certainty.UNKNOWN:
        return _NOT_RECORDED
    if int(call["aux"]) & ~KVM_MEMORY_ATTRIBUTE_PRIVATE:
        return f"{_ATTRIBUTES}: {int(call['aux']):#x}"
    if call["address_low"] or call["size_low"]:
        return _UNALIGNED
    if call["npages"] == 0:
        return _EMPTY
    if int(call["gfn"]) + int(call["npages"]) > 1 << 52:
        return _WRAPS
    return _FLAGS


def alike(calls: EventArray, memslots: Sequence[Memslot] | None) -> list[npt.NDArray[np.intp]]:
    """Calls that failed with one errno, by index, distinguished by all that `why_failed` and
    `where_failed` look at; `memslots` ascend. Most calls first."""
    gfn, end = calls["gfn"], calls["gfn"] + calls["npages"]
    memslots = memslots or ()
    firsts = np.array([slot.base_gfn for slot in memslots], np.uint64)
    ends = np.array([slot.end_gfn for slot in memslots], np.uint64)
    low, high = np.searchsorted(ends, gfn, "right"), np.searchsorted(firsts, end, "left")
    inside = np.zeros((len(calls), 2), np.int64)
    for i in np.unique(low[low < high]).tolist():
        at, slot = (low == i) & (low < high), memslots[i]
        is_there = calls["t"][at] >= slot.from_t
        is_there &= calls["t"][at] < slot.end_t
        inside[at, 0] = is_there
        inside[at, 1] = (gfn[at] >= slot.base_gfn) + 2 * (end[at] <= slot.end_gfn)
    keys = np.column_stack(
        (
            calls["range_certainty"].astype(np.int64),
            calls["aux"].astype(np.int64) & ~KVM_MEMORY_ATTRIBUTE_PRIVATE,
            (calls["address_low"] | calls["size_low"]) != 0,
            calls["npages"] == 0,
            end > 1 << 52,
            np.where(low < high, low, -1),
            np.minimum(high - low, 2),
            inside,
        )
    )
    _, which, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    return [np.flatnonzero(which.ravel() == i) for i in np.argsort(-counts, kind="stable")]


def where_failed(call: np.void, memslots: Sequence[Memslot] | None) -> str:
    """How a call's range lies among the memslots that were alive; None: none was ever known."""
    if call["range_certainty"] == Certainty.UNKNOWN:
        return "range not recorded"
    if memslots is None:
        return NO_LAYOUT
    first, end = int(call["gfn"]), int(call["gfn"] + call["npages"])
    t = int(call["t"])
    met = [
        slot
        for slot in memslots
        if slot.base_gfn < end and first < slot.end_gfn and slot.is_alive_at(t)
    ]
    if not met:
        return "no memslot is there"
    if len(met) > 1:
        return f"meets {len(met)} memslots"
    slot = met[0]
    number = "a memslot" if slot.slot < 0 else f"memslot {slot.slot}"
    if first >= slot.base_gfn and end <= slot.end_gfn:
        return f"within {number}"
    border = slot.base_gfn if first < slot.base_gfn else slot.end_gfn
    return f"crosses the border of {number} at {border << PAGE_SHIFT:#x}"
