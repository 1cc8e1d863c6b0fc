"""What kinds of events are called, and which columns mean something of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.model.guest._kinds import EventKind


@dataclass(frozen=True, slots=True)
class KindWords:
    """`words`: what an event of the kind is called. `has_range`: it always concerns pages, whether
    the recording shows which or not. `changes_state`: it may change the state of pages."""

    words: str
    has_range: bool = False
    changes_state: bool = False


WORDS: Final[Mapping[EventKind, KindWords]] = {
    EventKind.CONVERSION: KindWords("conversion", has_range=True, changes_state=True),
    EventKind.HYPERCALL: KindWords("hypercall", has_range=True),
    EventKind.MEMORY_FAULT: KindWords("memory fault", has_range=True),
    EventKind.PAGE_FAULT: KindWords("page fault", has_range=True),
    EventKind.PUNCH_HOLE: KindWords("punch hole"),
    EventKind.ALLOCATE: KindWords("fallocate of guest_memfd"),
    EventKind.UNMAP: KindWords("unmap"),
    EventKind.RMP_FAULT: KindWords("rmp fault"),
    EventKind.MEMSLOT: KindWords("memslot"),
    EventKind.GUEST_MEMFD: KindWords("guest_memfd created"),
    EventKind.LOSS_BEGIN: KindWords("events lost"),
    EventKind.LOSS_END: KindWords("loss end"),
    EventKind.REGISTER_REGION: KindWords("host memory registered for encryption"),
    EventKind.UNREGISTER_REGION: KindWords("host memory no longer registered"),
    EventKind.POPULATE: KindWords("guest_memfd pages allocated"),
    EventKind.DEPOPULATE: KindWords("guest_memfd pages freed"),
    EventKind.POPULATION: KindWords("counted"),
    EventKind.STATE_READ: KindWords("state read from the kernel", changes_state=True),
    EventKind.DOUBT: KindWords("perhaps of another VM", has_range=True, changes_state=True),
    EventKind.PHASE_MARK: KindWords("phase mark"),
}
