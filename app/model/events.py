"""What happened to guest memory, as columns.

Every flood of a recording (conversions, hypercalls, faults, punch holes, ...) is one structured
array of `EVENT`; every page that really changed its state is covered by one row of `CHANGE`.
Both are ordered by the time at which the event took effect (`effect_time`).
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from app.model.states import GFN_LIMIT as GFN_LIMIT
from app.model.states import Certainty as Certainty
from app.model.states import PageState as PageState

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGES_PER_2M = 512
PAGES_PER_1G = 1 << 18
UNKNOWN_VCPU = -1
UNKNOWN_LATENCY = -1


class EventKind(IntEnum):
    """What a row of `EVENT` describes, and what its range and `aux` then mean."""

    CONVERSION = 1
    """KVM_SET_MEMORY_ATTRIBUTES, or KVM_SET_MEMORY_ATTRIBUTES2 in one memslot; aux: the raw
    attribute mask asked for. Where the latter was refused with EAGAIN (a page was in use), aux is
    that page's file offset in bytes, if seen."""
    HYPERCALL = 2
    """KVM_HC_MAP_GPA_RANGE seen by kvm:kvm_hypercall; aux: a2. Never changes a page by itself."""
    MEMORY_FAULT = 3
    """KVM_EXIT_MEMORY_FAULT (reason 39); aux: flags where known. The range is often unknown."""
    PAGE_FAULT = 4
    """kvm:kvm_page_fault; aux: error_code, whose bits depend on the vendor. `to` is PRIVATE where
    they tell that the access was private, else UNKNOWN: most do not tell."""
    PUNCH_HOLE = 5
    """fallocate(PUNCH_HOLE) on a guest_memfd; aux: the file offset in bytes."""
    ALLOCATE = 6
    """fallocate without PUNCH_HOLE on a guest_memfd; aux: the file offset in bytes."""
    UNMAP = 7
    """kvm:kvm_unmap_hva_range that meets a memslot; aux: hva start."""
    RMP_FAULT = 8
    """kvm:kvm_rmp_fault; aux: error_code."""
    MEMSLOT = 9
    """KVM_SET_USER_MEMORY_REGION(2), failed calls too; aux: slot id | flags << 32."""
    GUEST_MEMFD = 10
    """KVM_CREATE_GUEST_MEMFD; npages: its size; aux: flags."""
    LOSS_BEGIN = 11
    """From here to the next LOSS_END events were lost; aux: how many, 0 if the count is unknown.
    Every page that a guest_memfd could back, or that was private, is unknown from then on, whatever
    is seen to be done to it: a lost event may undo it. Several losses may be under way at once, one
    for each CPU; each has its own LOSS_END."""
    LOSS_END = 12
    """One lost stretch ends; its last lost event may have come right before. With the last that is
    under way, pages become known again by calls that are entered later."""
    REGISTER_REGION = 13
    """KVM_MEMORY_ENCRYPT_REG_REGION that pins an hva range (SEV); aux: addr. Changes no page. Where
    the ioctl is the conversion itself (the 2022 private-memory series), it is a CONVERSION."""
    UNREGISTER_REGION = 14
    """KVM_MEMORY_ENCRYPT_UNREG_REGION of an hva range; aux: addr."""
    POPULATE = 15
    """filemap:mm_filemap_add_to_page_cache on a guest_memfd: pages were allocated; aux: the file
    offset in bytes."""
    DEPOPULATE = 16
    """filemap:mm_filemap_delete_from_page_cache on a guest_memfd: pages were freed; aux: the file
    offset in bytes."""
    POPULATION = 17
    """What cachestat(2) counted in a range of a guest_memfd; aux: how many of its pages exist."""
    STATE_READ = 18
    """The state as it was read from the kernel (`to`), by no call of anyone: no conversion. Its
    effective_pages were known to be in the other state: something changed them unseen."""
    DOUBT = 19
    """A conversion (`to`) that may have been this VM's or another's, nobody can tell which: pages
    of its range that were not so anyway are unknown from then on; without a range, all are. Always
    UNCONFIRMED: whether it was of this VM is not known."""
    PHASE_MARK = 20
    """kvm:kvm_pio: the guest wrote to a port by which firmware and boot say how far they have come
    (0x80, 0x402, 0xf4); aux: value | port << 32 | count << 48 | bytes of one value << 61. A count
    over 1 is that of a string instruction, of which the first value is known. Of no page."""


class To(IntEnum):
    """The state a conversion (or a hypercall) asks for."""

    SHARED = 0
    PRIVATE = 1
    UNKNOWN = 2


class Outcome(IntEnum):
    APPLIED = 0
    """The call returned 0. For kinds that are no calls: it was seen."""
    FAILED = 1
    """The call returned -errno. KVM's attribute ioctl is all or nothing: no page changed."""
    UNCONFIRMED = 2
    """Its end was not seen: the pages of the range are unknown from then on."""


class Cause(IntEnum):
    NONE = 0
    """Not a conversion, or nothing tells."""
    EXPLICIT = 1
    """The guest asked for it."""
    IMPLICIT = 2
    """The guest touched a page in the wrong state."""
    VMM = 3
    """Neither preceded it on that thread."""


EVENT = np.dtype(
    [
        ("t", "<i8"),  # ns since the recording's start, when the call was entered
        ("latency_ns", "<i8"),  # time inside the call, UNKNOWN_LATENCY if its end was not seen
        ("gfn", "<u8"),  # first guest frame
        ("npages", "<u8"),
        ("effective_pages", "<u8"),  # pages whose known state it really changed; set by the store
        ("aux", "<u8"),  # see EventKind
        ("tid", "<i4"),  # host thread
        ("errno", "<i2"),  # positive, 0 if none
        ("vcpu", "<i2"),  # UNKNOWN_VCPU if not known
        (
            "address_low",
            "<u2",
        ),  # bytes of the gpa past its page border (such calls fail)
        ("size_low", "<u2"),  # bytes of the size past whole pages
        ("kind", "u1"),  # EventKind
        ("to", "u1"),  # To
        ("outcome", "u1"),  # Outcome
        ("cause", "u1"),  # Cause
        ("cause_certainty", "u1"),  # Certainty
        ("range_certainty", "u1"),  # Certainty; UNKNOWN: gfn and npages are 0 and mean nothing
    ]
)

CHANGE = np.dtype(
    [
        ("t", "<i8"),  # effect time, ns since the recording's start
        ("gfn", "<u8"),
        ("npages", "<u8"),
        ("event", "<i8"),  # sequence number of the event in its VM; see below for -1
        ("mixed_delta", "<i4"),  # 1, -1: the 2 MiB block of its last page became mixed, or ceased
        ("before", "u1"),  # PageState of every page of the run before
        ("after", "u1"),  # PageState of every page of the run after
        ("in_memslot", "?"),  # a memslot covers the run; attributes may change where none does
        ("again", "?"),  # a return: conversions had flipped every page before (app.model.returning)
    ]
)
"""A run of pages that changed alike. `event` is -1 where no event changed them: a memslot came or
went, or the state was read from the kernel and found to be another. When events of a VM were lost
for the first time, one row has no pages (npages is 0, in_memslot False): what no row ever named is
unknown from then on."""

RUN = np.dtype([("gfn", "<u8"), ("npages", "<u8"), ("state", "u1")])
"""A maximal run of pages in one `PageState`."""

EventArray = npt.NDArray[np.void]
ChangeArray = npt.NDArray[np.void]
RunArray = npt.NDArray[np.void]


def effect_time(events: EventArray) -> npt.NDArray[np.int64]:
    """The instant from which each event's effect is known to hold, ns since the recording's start.

    A call takes effect at its return: KVM serialises attribute changes under `slots_lock`, so
    returns, not entries, follow the order in which they were made (virt/kvm/kvm_main.c). An
    unconfirmed call makes its pages uncertain from its entry on.
    """
    latency = np.where(events["outcome"] == Outcome.UNCONFIRMED, 0, events["latency_ns"])
    result: npt.NDArray[np.int64] = events["t"] + np.maximum(latency, 0)
    return result


def last_effect_time(events: EventArray) -> int:
    """That of the last of some events. Arrays of one cost far more than what is done to it."""
    last = events[-1]
    latency = 0 if last["outcome"] == _UNCONFIRMED else max(int(last["latency_ns"]), 0)
    return int(last["t"]) + latency


_UNCONFIRMED = int(Outcome.UNCONFIRMED)  # to ask an enum for a member takes longer than all that
