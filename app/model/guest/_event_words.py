"""What kinds of events are called, and which columns mean something of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.model.guest._kinds import EventKind


@dataclass(frozen=True, slots=True)
class KindWords:
    """`words`: what an event of the kind is called. `group`: what it is called together with those
    it is chosen with; "": nobody looks for it by itself. `has_range`: it always concerns pages,
    whether the recording shows which or not. `changes_state`: it may change the state of pages."""

    words: str
    group: str = ""
    has_range: bool = False
    changes_state: bool = False


_OTHERS = "perhaps of another VM"
_PAGES = "guest_memfd pages"
_LAYOUT = "memslot and guest_memfd calls"
_REGISTERED = "registered memory"

WORDS: Final[Mapping[EventKind, KindWords]] = {
    EventKind.CONVERSION: KindWords(
        "conversion", "conversions", has_range=True, changes_state=True
    ),
    EventKind.HYPERCALL: KindWords("hypercall", "hypercalls", has_range=True),
    EventKind.MEMORY_FAULT: KindWords("memory fault", "memory faults", has_range=True),
    EventKind.PAGE_FAULT: KindWords("page fault", "page faults", has_range=True),
    EventKind.PUNCH_HOLE: KindWords("punch hole", _PAGES),
    EventKind.ALLOCATE: KindWords("fallocate of guest_memfd", _PAGES),
    EventKind.UNMAP: KindWords("unmap"),
    EventKind.RMP_FAULT: KindWords("rmp fault"),
    EventKind.MEMSLOT: KindWords("memslot", _LAYOUT),
    EventKind.GUEST_MEMFD: KindWords("guest_memfd created", _LAYOUT),
    EventKind.LOSS_BEGIN: KindWords("events lost"),
    EventKind.LOSS_END: KindWords("loss end"),
    EventKind.REGISTER_REGION: KindWords("host memory registered for encryption", _REGISTERED),
    EventKind.UNREGISTER_REGION: KindWords("host memory no longer registered", _REGISTERED),
    EventKind.POPULATE: KindWords("guest_memfd pages allocated", _PAGES),
    EventKind.DEPOPULATE: KindWords("guest_memfd pages freed", _PAGES),
    EventKind.POPULATION: KindWords("counted", _PAGES),
    EventKind.STATE_READ: KindWords(
        "state read from the kernel", "states read", changes_state=True
    ),
    EventKind.DOUBT: KindWords(_OTHERS, _OTHERS, has_range=True, changes_state=True),
    EventKind.PHASE_MARK: KindWords("phase mark", "phase marks"),
    EventKind.EXPIRED: KindWords("events no longer kept"),
}
