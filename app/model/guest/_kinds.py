"""What happens to pages, in words: kinds of events, what they ask for, how they end, and why.

Without numpy, for those who name events and hold none.
"""

from enum import IntEnum

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
    they show that the access was private, else UNKNOWN: most do not show it."""
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
    """One loss ends; its last lost event may have come right before. With the last that is
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
    """A conversion (`to`) that may have been this VM's or another's, it is not known which: pages
    of its range that were not so anyway are unknown from then on; without a range, all are. Always
    UNCONFIRMED: whether it was of this VM is not known."""
    PHASE_MARK = 20
    """kvm:kvm_pio: the guest wrote to a port by which firmware and boot show how far they have come
    (0x80, 0x402, 0xf4); aux: value | port << 32 | count << 48 | bytes of one value << 61. A count
    over 1 is that of a string instruction, of which the first value is known. Of no page."""

    EXPIRED = 21
    """The events from here to `aux` later ones are no longer kept; what they made of pages is not
    known. It stands for them when they are read, and is never stored."""


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
    """Not a conversion, or not known."""
    EXPLICIT = 1
    """The guest asked for it."""
    IMPLICIT = 2
    """The guest touched a page in the wrong state."""
    VMM = 3
    """Neither preceded it on that thread."""
