"""What a guest consists of, and what may happen to it, in words: page states, kinds of events,
memslots, guest_memfds, VMs. No numpy is imported here: `gmemscope list` needs these words and
none of the arrays.
"""

from app.model.guest._capabilities import Capability
from app.model.guest._clocks import LINE_NUMBERS, NS_PER_LINE, Clock
from app.model.guest._event_words import WORDS, KindWords
from app.model.guest._kinds import (
    PAGE_SHIFT,
    PAGE_SIZE,
    PAGES_PER_1G,
    PAGES_PER_2M,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Cause,
    EventKind,
    Outcome,
    To,
)
from app.model.guest._memslots import (
    GUEST_MEMFD_FLAG_INIT_SHARED,
    GUEST_MEMFD_FLAG_MMAP,
    KVM_MEM_GUEST_MEMFD,
    KVM_MEM_LOG_DIRTY_PAGES,
    KVM_MEM_READONLY,
    KVM_MEMORY_ATTRIBUTE_PRIVATE,
    Backing,
    GuestMemfd,
    Memslot,
    VmIdentity,
    backing_of,
    require_pages,
)
from app.model.guest._origins import FILE_FORMATS, Source
from app.model.guest._states import GFN_LIMIT, Certainty, PageState, Totals

__all__ = [
    "FILE_FORMATS",
    "GFN_LIMIT",
    "GUEST_MEMFD_FLAG_INIT_SHARED",
    "GUEST_MEMFD_FLAG_MMAP",
    "KVM_MEMORY_ATTRIBUTE_PRIVATE",
    "KVM_MEM_GUEST_MEMFD",
    "KVM_MEM_LOG_DIRTY_PAGES",
    "KVM_MEM_READONLY",
    "LINE_NUMBERS",
    "NS_PER_LINE",
    "PAGES_PER_1G",
    "PAGES_PER_2M",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "UNKNOWN_LATENCY",
    "UNKNOWN_VCPU",
    "WORDS",
    "Backing",
    "Capability",
    "Cause",
    "Certainty",
    "Clock",
    "EventKind",
    "GuestMemfd",
    "KindWords",
    "Memslot",
    "Outcome",
    "PageState",
    "Source",
    "To",
    "Totals",
    "VmIdentity",
    "backing_of",
    "require_pages",
]
