"""Two moments side by side: of one VM, or of two VMs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from app.model.events import effect_time
from app.model.guest import PageState
from app.model.stats import DifferenceArray, differing, side_by_side, transitions
from app.queries.figures import (
    AtLeast,
    TotalsView,
    hex_gpa,
    known,
    known_mixed,
    row_id,
    totals_view,
)
from app.queries.history._page_states import state_name
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.schema import Vm

RUNS_SHOWN = 1000
_NOT_SEEN = "not seen"
"""Of a page that no conversion had named yet, where memslots are not known."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A VM at an instant; with `event`, so long after that event's effect."""

    vm: int
    vm_name: str
    recording: int
    at: int
    event: int | None
    totals: TotalsView
    mixed_2m: Annotated[
        int | None,
        Field(description="Null: no block is known to be mixed, but pages are unknown."),
    ]
    layout_is_known: Annotated[bool, Field(description="False: no memslot was ever seen.")]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class Transition:
    """Pages that were in one state on the one side and in another on the other."""

    before: str
    after: str
    pages: int


@dataclass(frozen=True, slots=True)
class DifferingRun:
    """Neighbouring pages that differ alike."""

    gfn: int
    npages: int
    gpa: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What is different in the second moment."""

    a: Moment
    b: Moment
    same_pages: Annotated[
        int | None,
        Field(
            description="In the same state on both sides. Where no memslot is known, of the pages "
            "that conversions named; null: none is known."
        ),
    ]
    transitions: Annotated[list[Transition], Field(description="Most pages first.")]
    runs: Annotated[list[DifferingRun], Field(description="By gpa; the first of them.")]
    runs_in_all: int


def moment(reader: Reader, vm: Vm, at: int | None, event: int | None) -> Moment:
    """At `at`; with an event's number, so long after it took effect. Default: the last instant.

    Raises NotFound if the VM has no such event.
    """
    vm_id = row_id(vm)
    if event is not None:
        events, seqs = reader.events(vm_id, after_seq=event - 1, limit=1)
        if not len(seqs) or int(seqs[0]) != event:
            raise NotFound(f"VM {vm_id} has no event {event}")
        at = int(effect_time(events)[0]) + (at or 0)
    if at is None:
        first, end = reader.span(vm_id)
        at = end if vm.ended_t is None else max(first, vm.ended_t - 1)
    page_map = reader.page_map_at(vm_id, at)
    totals, is_known = page_map.totals(), vm.layout_is_known
    mixed_2m, least = known_mixed(page_map.mixed_blocks, totals, layout_is_known=is_known)
    return Moment(
        vm_id,
        vm.name,
        vm.recording_id,
        at,
        event,
        totals_view(totals, layout_is_known=is_known),
        mixed_2m,
        is_known,
        least,
    )


def rows_between(reader: Reader, a: Moment, b: Moment) -> DifferenceArray:
    """All pages that either moment has, side by side."""
    maps = (reader.page_map_at(one.vm, one.at) for one in (a, b))
    before, after = (page_map.runs() for page_map in maps)
    return side_by_side(before, after)


def diff(a: Moment, b: Moment, rows: DifferenceArray) -> Diff:
    matrix = transitions(rows)
    changed = differing(rows)
    found = [
        Transition(_name(a, before), _name(b, after), int(matrix[before, after]))
        for before in PageState
        for after in PageState
        if before != after and matrix[before, after]
    ]
    found.sort(key=lambda one: -one.pages)
    is_part = any(None in (m.totals.private, m.totals.shared) or m.totals.at_least for m in (a, b))
    return Diff(
        a,
        b,
        known(int(np.trace(matrix)), is_open=is_part),
        found,
        [_run(a, b, row) for row in changed[:RUNS_SHOWN]],
        len(changed),
    )


def largest(a: Moment, b: Moment, rows: DifferenceArray, count: int) -> Sequence[DifferingRun]:
    """The largest runs that differ."""
    changed = differing(rows)
    order = np.argsort(-changed["npages"].astype(np.int64), kind="stable")[:count]
    return [_run(a, b, changed[i]) for i in order]


def _name(one: Moment, state: PageState) -> str:
    is_unseen = state == PageState.NO_MEMSLOT and not one.layout_is_known
    return _NOT_SEEN if is_unseen else state_name(state)


def _run(a: Moment, b: Moment, row: np.void) -> DifferingRun:
    return DifferingRun(
        int(row["gfn"]),
        int(row["npages"]),
        hex_gpa(row["gfn"]),
        _name(a, PageState(int(row["before"]))),
        _name(b, PageState(int(row["after"]))),
    )
