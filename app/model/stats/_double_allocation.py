"""Which halves of a page may exist: in the guest_memfd, and behind userspace_addr.

A page of a mixed memslot has two places where its contents may lie. KVM never frees the one that a
conversion leaves behind; the VMM must: a punched hole frees the private half, an unmap the shared
one. What was seen of this bounds what exists.
"""

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, effect_time
from app.model.guest import GFN_LIMIT, Certainty, EventKind, Outcome, PageState, To
from app.model.pagemap import PageMap
from app.model.stats._pages_in_both import NEVER_NAMED, Codes, pages_in_both, put_into
from app.model.stats._run_sets import RunSet

Mask = npt.NDArray[np.bool_]

_ALLOCATING = (EventKind.ALLOCATE, EventKind.POPULATE)
_FREEING = (EventKind.PUNCH_HOLE, EventKind.DEPOPULATE)
_CONVERTING = (EventKind.CONVERSION, EventKind.STATE_READ, EventKind.DOUBT)
_LOSING = (EventKind.LOSS_BEGIN, EventKind.LOSS_END)


class PageSet:
    """A page map used as a set of pages: PRIVATE is in it, SHARED is not, UNKNOWN may be."""

    def __init__(self, unseen: PageState) -> None:
        """`unseen`: what pages are that nothing ever named."""
        self._pages = PageMap(unseen)
        self._is_open = unseen == PageState.UNKNOWN

    def paint(self, events: EventArray, joins: Mask, leaves: Mask, forgets: Mask) -> None:
        """Carry out events, in order, as if they were conversions of the set's pages."""
        is_blind = bool((forgets | ((joins | leaves) & _has_no_range(events))).any())
        self._is_open |= is_blind
        if is_blind or (len(events) and self._pages.may_be_undone(int(events["t"].min()))):
            self._pages.apply(_strokes(events, joins, leaves, forgets), 0)
        else:
            self._pages.replay(_as_changes(events, joins, leaves))

    def possible_runs(self, within: RunSet) -> RunSet:
        """Pages of `within` that may be in the set."""
        own = self._pages.runs(within_memslots=False)
        if self._is_open:
            return within.minus(RunSet.of(own, PageState.SHARED))
        return within.meet(RunSet.of(own, PageState.PRIVATE, PageState.UNKNOWN))

    def possible(self, pages: PageMap, codes: Codes, within: RunSet) -> int:
        """How many pages of `within`, having one of `codes` in a page map, may be in the set."""
        own = put_into(PageState.PRIVATE, PageState.UNKNOWN) | (NEVER_NAMED if self._is_open else 0)
        return pages_in_both(self._pages, own, pages, codes, within)

    def certain(self, pages: PageMap, codes: Codes, within: RunSet) -> int:
        """How many of them are in the set."""
        return pages_in_both(self._pages, put_into(PageState.PRIVATE), pages, codes, within)


class DoubleAllocation:
    """Follows a VM's events, from its start or from wherever the recording began."""

    def __init__(self, start_state: PageState) -> None:
        """`start_state` is the VM's: SHARED if its creation was seen, so that no page has a private
        half yet."""
        is_seen = start_state == PageState.SHARED
        self.private_may = PageSet(PageState.SHARED if is_seen else PageState.UNKNOWN)
        self.private_known = PageSet(PageState.SHARED)
        self.shared_may = PageSet(PageState.SHARED)
        """Since they were converted to shared. A shared half that was touched before its page was
        first private is not in it: nothing records that."""

    def add(self, events: EventArray) -> None:
        """In order. Failed calls do nothing; unconfirmed ones may have done all they could."""
        kind, outcome = (np.ascontiguousarray(events[name]) for name in ("kind", "outcome"))
        is_done, may_be_done = outcome == Outcome.APPLIED, outcome != Outcome.FAILED
        is_placed = ~_has_no_range(events)
        is_conversion = np.isin(kind, _CONVERTING) & may_be_done
        allocates, frees = np.isin(kind, _ALLOCATING), np.isin(kind, _FREEING)
        lost = np.isin(kind, _LOSING)
        to_private = is_conversion & (events["to"] != To.SHARED)
        to_shared = is_conversion & (events["to"] != To.PRIVATE)
        self.private_may.paint(
            events, to_private | (allocates & may_be_done), frees & is_done & is_placed, lost
        )
        self.private_known.paint(events, allocates & is_done & is_placed, frees & may_be_done, lost)
        self.shared_may.paint(events, to_shared, (kind == EventKind.UNMAP) & is_placed, lost)


def _has_no_range(events: EventArray) -> Mask:
    result: Mask = events["range_certainty"] == Certainty.UNKNOWN
    return result


def _strokes(events: EventArray, joins: Mask, leaves: Mask, forgets: Mask) -> EventArray:
    """Conversions that do to a page map what events do to a set; losses stay what they are."""
    chosen = joins | leaves | forgets
    strokes = events[chosen].copy()
    strokes["latency_ns"][strokes["outcome"] == Outcome.UNCONFIRMED] = 0
    is_loss = forgets[chosen]
    strokes["kind"][~is_loss] = EventKind.CONVERSION
    strokes["outcome"][~is_loss] = Outcome.APPLIED
    strokes["to"] = np.where(joins[chosen], To.PRIVATE, To.SHARED)
    return strokes


def _as_changes(events: EventArray, joins: Mask, leaves: Mask) -> ChangeArray:
    """The same as changes, which a page map carries out several times faster: it need not write
    what they changed. Each has a range."""
    is_there = (events["npages"] > 0) & (events["gfn"] < GFN_LIMIT)
    chosen = np.flatnonzero((joins | leaves) & is_there)
    changes, gfn = np.zeros(len(chosen), CHANGE), events["gfn"][chosen]
    changes["t"] = effect_time(events[chosen[-1:]])  # one for all: only the last is looked at
    changes["gfn"] = gfn
    changes["npages"] = np.minimum(events["npages"][chosen], GFN_LIMIT - gfn)
    changes["after"] = np.where(joins[chosen], PageState.PRIVATE, PageState.SHARED)
    return changes
