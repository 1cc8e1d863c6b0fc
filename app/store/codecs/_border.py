"""Where stored columns enter: compiled code relies on what passes here, whatever the file held.

Checksums show what was not stored. Old databases have none, recordings still being written have
none of all, and who writes a file anew can make them fit.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, signed
from app.model.events import EventArray
from app.model.guest import GFN_LIMIT, PAGE_SHIFT, Cause, Certainty, EventKind, Outcome, To
from app.store.codecs._arrow import Signed, Unsigned
from app.store.codecs._changes import IS_EXPLICIT, EventRanges, RelativeChanges

Bytes = npt.NDArray[np.uint8]
LAST_T = 1 << 62
_GFNS_OF_64_BITS = 1 << (64 - PAGE_SHIFT)
_MOST = {
    "kind": max(EventKind),
    "to": max(To),
    "outcome": max(Outcome),
    "cause": max(Cause),
    "cause_certainty": max(Certainty),
    "range_certainty": max(Certainty),
}


def check_events(events: EventArray, effect_t: Signed, first_t: int) -> None:
    """Raises ValueError unless all are such events as are stored."""
    check_times(effect_t, first_t)
    check_ranges(events["kind"], events["gfn"], events["npages"])
    check_codes({name: events[name] for name in _MOST})


def check_times(effect_t: Signed, first_t: int) -> None:
    """Raises ValueError unless they ascend, none before `first_t`."""
    if not len(effect_t):
        return
    ascends = bool((effect_t[1:] >= effect_t[:-1]).all())
    if not ascends or effect_t[0] < first_t or effect_t[-1] >= LAST_T:
        raise ValueError("the times of events do not ascend")


def check_ranges(kind: Bytes, gfn: Unsigned, npages: Unsigned) -> None:
    """Raises ValueError where more pages are meant than there are addresses. (Guests once could
    name any number of them in a hypercall.)"""
    if not len(gfn):
        return
    is_too_long = npages > _GFNS_OF_64_BITS
    if gfn.max() > _GFNS_OF_64_BITS or (is_too_long & (kind != EventKind.HYPERCALL)).any():
        raise ValueError("an event's range is none")


def check_codes(columns: dict[str, Bytes]) -> None:
    """Raises ValueError where a number stands for nothing."""
    for name, column in columns.items():
        if len(column) and column.max() > _MOST[name]:
            raise ValueError(f"there is no {name} {column.max()}")


def are_shifts(quantum_shift: int | None, block_shift: int | None) -> bool:
    """Whether a summary may have such quanta and blocks."""
    if quantum_shift is None or block_shift is None:
        return False
    return 0 <= quantum_shift < LAST_T.bit_length() and 0 <= block_shift < GFN_LIMIT.bit_length()


def check_quanta(quanta: Signed, quantum_shift: int) -> None:
    """Raises ValueError unless they ascend, and lie in the times that there may be."""
    if not len(quanta):
        return
    ascends = bool((quanta[1:] >= quanta[:-1]).all())
    if not ascends or quanta[0] < 0 or quanta[-1] > LAST_T >> quantum_shift:
        raise ValueError("quanta do not ascend")


def check_blocks(blocks: Signed, block_shift: int) -> None:
    """Raises ValueError unless they lie where a guest's pages may lie, or end there."""
    if len(blocks) and (blocks.min() < 0 or blocks.max() > GFN_LIMIT >> block_shift):
        raise ValueError("no guest has such blocks")


def check_changes(changes: RelativeChanges, events: EventRanges) -> None:
    """Raises ValueError unless each belongs to one of the events, and changes pages that there may
    be."""
    wrong = find_wrong_change(events, changes)
    if wrong >= 0:
        raise ValueError(f"change {wrong} is of no event, or of pages that no guest has")


@hot_in_place
def find_wrong_change(events: EventRanges, changes: RelativeChanges) -> int:
    """The first such change; -1 if there is none."""
    taken, count = 0, events.gfn.size
    for i in range(changes.of_event.size):
        event = changes.of_event[i]
        if changes.states[i] & IS_EXPLICIT:
            row = changes.explicit[taken]
            gfn, npages = signed(row.gfn), signed(row.npages)
            taken += 1
            if event < 0 or (event >= count and count > 0):
                return i
        else:
            if event < 0 or event >= count:
                return i
            gfn = signed(events.gfn[event]) + changes.gfn_offset[i]
            npages = signed(events.npages[event]) + changes.npages_offset[i]
        if gfn < 0 or npages < 0 or gfn > GFN_LIMIT or npages > GFN_LIMIT - gfn:
            return i
    return -1
