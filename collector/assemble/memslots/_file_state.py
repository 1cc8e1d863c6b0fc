"""Attributes that a guest_memfd holds itself: those of pages that are converted in place.

From the in-place conversion series on (not yet in a release; its uAPI is
KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd) they belong to file offsets: what a memslot shows
comes from the file behind it. That a file holds them shows in the first such call.
"""

from collections.abc import Sequence

import numpy as np

from app.model.events import EVENT, EventArray
from app.model.guest import (
    GUEST_MEMFD_FLAG_INIT_SHARED,
    PAGE_SHIFT,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Certainty,
    EventKind,
    Memslot,
    PageState,
)
from collector.assemble.memslots._memslots import GuestMemfdFile


def first_state(file: GuestMemfdFile, slots: Sequence[Memslot], t: int) -> EventArray:
    """STATE_READ rows for what the file's pages have been since its creation, where it is bound;
    from now on the file is known to hold attributes.

    Private unless GUEST_MEMFD_FLAG_INIT_SHARED; unknown if its creation was not seen, or events
    were lost since, and so perhaps some conversion.
    """
    state = PageState.UNKNOWN
    is_seen = file.flags_certainty == Certainty.SEEN and not file.lost_something
    if file.flags is not None and is_seen:
        is_shared = file.flags & GUEST_MEMFD_FLAG_INIT_SHARED
        state = PageState.SHARED if is_shared else PageState.PRIVATE
    file.holds_attributes = True
    file.placements.update(map(_placement, slots))
    return _rows(slots, state, t)


def state_where_bound(file: GuestMemfdFile, memslot: Memslot, t: int) -> EventArray:
    """STATE_READ rows for a new memslot over a file that holds attributes.

    Where the file has been seen at the same gfns before, the page map knows them still.
    """
    if _placement(memslot) in file.placements:
        return np.zeros(0, dtype=EVENT)
    file.placements.add(_placement(memslot))
    return _rows([memslot], PageState.UNKNOWN, t)


def _placement(memslot: Memslot) -> int:
    """Which gfn the start of the file would be at."""
    return memslot.base_gfn - ((memslot.guest_memfd_offset or 0) >> PAGE_SHIFT)


def _rows(slots: Sequence[Memslot], state: PageState, t: int) -> EventArray:
    rows = np.zeros(len(slots), dtype=EVENT)
    rows["kind"], rows["t"], rows["to"] = EventKind.STATE_READ, t, state
    rows["latency_ns"], rows["vcpu"] = UNKNOWN_LATENCY, UNKNOWN_VCPU
    rows["range_certainty"] = Certainty.SEEN
    rows["gfn"] = [slot.base_gfn for slot in slots]
    rows["npages"] = [slot.npages for slot in slots]
    return rows
