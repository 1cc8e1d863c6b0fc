"""What lies between two moments of one VM: how many calls, and the first that changed pages."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, Window, effect_time
from app.model.guest import PageState, Totals
from app.model.stats import EventQuery
from app.queries.figures import row_id
from app.queries.history._page_history import Step, step_of
from app.queries.history._page_states import MIXED, StateAfter
from app.queries.history._timeline_table import Buckets, timeline_table
from app.store.read import Reader
from app.store.schema import Vm

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EventsBetween:
    """Half-open."""

    from_t: int
    to_t: int
    counts: dict[str, int | None]  # by kind; None: not recorded
    at_least: list[str]  # those that are lower bounds
    leaves_open: bool  # it is not known what some conversions changed
    first: list[Step]  # each with the pages that it changed
    has_more: bool


def events_between(reader: Reader, vm_id: int, from_t: int, to_t: int, limit: int) -> EventsBetween:
    """Counts of all, and the first `limit` events that changed the state of pages in memslots."""
    vm = reader.vm(vm_id)
    rows, has_more = _first_changes(reader, vm, from_t, to_t, limit)
    changing = [
        step_of(event, seq, t, _became(rows[rows["event"] == seq]))
        for event, seq, t in _events_of(reader, vm_id, np.unique(rows["event"]), from_t, to_t)
    ]
    timeline = reader.timeline(vm_id, np.array([from_t, to_t], np.int64))
    table = timeline_table(Buckets(timeline, vm, reader.recording(vm.recording_id)))
    counts = {name: table.column(field)[0].as_py() for name, field in _COUNTS.items()}
    leaves_open = bool(timeline.leaves_open[0])
    least = [_NOOP] if leaves_open and counts[_NOOP] is not None else []
    return EventsBetween(from_t, to_t, counts, least, leaves_open, changing, has_more)


_NOOP = "of these without effect"
_COUNTS = {
    "conversions to private": "to_private",
    "conversions to shared": "to_shared",
    "conversions of unknown direction": "to_unknown",
    _NOOP: "noop",
    "failed conversions": "failed",
    "unconfirmed conversions": "unconfirmed",
    "hypercalls": "hypercalls",
    "memory faults": "memory_faults",
    "guest page faults": "page_faults",
}
"""Columns of a timeline by what they are called here."""


def _first_changes(
    reader: Reader, vm: Vm, from_t: int, to_t: int, limit: int
) -> tuple[ChangeArray, bool]:
    """All that the first `limit` events changed, and whether others changed something as well."""
    kept: list[ChangeArray] = [np.empty(0, CHANGE)]
    seqs: Ints = np.empty(0, np.int64)
    for changes in reader.iter_changes(row_id(vm), Window(from_t, to_t)):
        is_other = (changes["before"] != changes["after"]) & changes["in_memslot"]
        if not vm.layout_is_known:  # pages appear when a conversion names them: no change
            is_other &= changes["before"] != PageState.NO_MEMSLOT
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
    for events, seqs in reader.iter_events(vm_id, EventQuery(from_t, to_t), after_seq=after):
        chosen: EventArray = events[np.isin(seqs, wanted)]
        numbers = seqs[np.isin(seqs, wanted)].tolist()
        yield from zip(chosen, numbers, effect_time(chosen).tolist(), strict=True)
        if seqs[-1] >= wanted[-1]:
            return


def _became(rows: ChangeArray) -> StateAfter:
    """What an event's rows made of their pages; no event takes a page's memslot away."""
    private, shared, unknown = (
        int(rows["npages"][rows["after"] == state].sum())
        for state in (PageState.PRIVATE, PageState.SHARED, PageState.UNKNOWN)
    )
    pages = {"private": private, "shared": shared, "unknown": unknown}
    states = [state for state, count in pages.items() if count]
    state = states[0] if len(states) == 1 else MIXED
    return StateAfter(state, Totals(private, shared, unknown), private + shared + unknown)
