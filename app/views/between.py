"""What lies between two moments of one VM: how many calls, and the first that changed pages."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, PageState, effect_time
from app.model.states import Totals
from app.model.timeline import Timeline
from app.store.reader import Reader
from app.views.page_history import Step, step_of
from app.views.page_life import MIXED, Then

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Between:
    """Half-open."""

    from_t: int
    to_t: int
    counts: dict[str, int]  # by kind
    first: list[Step]  # each told by the pages that it changed
    has_more: bool


def between(reader: Reader, vm_id: int, from_t: int, to_t: int, limit: int) -> Between:
    """Counts of all, and the first `limit` events that changed the state of pages in memslots."""
    rows, has_more = _first_changes(reader, vm_id, from_t, to_t, limit)
    changing = [
        step_of(event, seq, t, _became(rows[rows["event"] == seq]))
        for event, seq, t in _events_of(reader, vm_id, np.unique(rows["event"]), from_t, to_t)
    ]
    edges = np.array([from_t, to_t], np.int64)
    return Between(from_t, to_t, _counts(reader.timeline(vm_id, edges)), changing, has_more)


def _counts(timeline: Timeline) -> dict[str, int]:
    named = {
        "conversions to private": timeline.to_private,
        "conversions to shared": timeline.to_shared,
        "of these without effect": timeline.noop,
        "failed conversions": timeline.failed,
        "unconfirmed conversions": timeline.unconfirmed,
        "hypercalls": timeline.hypercalls,
        "memory faults": timeline.memory_faults,
        "guest page faults": timeline.page_faults,
    }
    return {name: int(counts[0]) for name, counts in named.items()}


def _first_changes(
    reader: Reader, vm_id: int, from_t: int, to_t: int, limit: int
) -> tuple[ChangeArray, bool]:
    """All that the first `limit` events changed, and whether others changed something as well."""
    kept: list[ChangeArray] = [np.empty(0, CHANGE)]
    seqs: Ints = np.empty(0, np.int64)
    for changes in reader.iter_changes(vm_id, t_from=from_t, t_to=to_t):
        is_other = (changes["before"] != changes["after"]) & changes["in_memslot"]
        some = changes[is_other & (changes["event"] >= 0)]
        kept.append(some)
        seqs = np.union1d(seqs, some["event"])
        if len(seqs) > limit:
            break
    rows = np.concatenate(kept)
    return rows[np.isin(rows["event"], seqs[:limit])], len(seqs) > limit


def _events_of(
    reader: Reader, vm_id: int, wanted: Ints, from_t: int, to_t: int
) -> Iterator[tuple[np.void, int, int]]:
    """(event, its number, its effect time) of those wanted, which ascend."""
    if not len(wanted):
        return
    after = int(wanted[0]) - 1
    for events, seqs in reader.iter_events(vm_id, t_from=from_t, t_to=to_t, after_seq=after):
        chosen: EventArray = events[np.isin(seqs, wanted)]
        numbers = seqs[np.isin(seqs, wanted)].tolist()
        yield from zip(chosen, numbers, effect_time(chosen).tolist(), strict=True)
        if seqs[-1] >= wanted[-1]:
            return


def _became(rows: ChangeArray) -> Then:
    """What an event's rows made of their pages; no event takes a page's memslot away."""
    private, shared, unknown = (
        int(rows["npages"][rows["after"] == state].sum())
        for state in (PageState.PRIVATE, PageState.SHARED, PageState.UNKNOWN)
    )
    pages = {"private": private, "shared": shared, "unknown": unknown}
    states = [state for state, count in pages.items() if count]
    state = states[0] if len(states) == 1 else MIXED
    return Then(state, Totals(private, shared, unknown), private + shared + unknown)
