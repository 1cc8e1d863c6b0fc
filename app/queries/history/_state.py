"""Which page was what at an instant."""

from dataclasses import dataclass

import numpy as np

from app.model.events import RUN, RunArray
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap import PageMap
from app.queries.figures import TotalsView, last_instant, row_id, totals_view
from app.store.read import Reader
from app.store.schema import Vm


@dataclass(frozen=True, slots=True)
class StateView:
    """The state of a window of gfns at an instant, and what the whole VM adds up to then."""

    at: int  # ns since the recording's start
    runs: RunArray  # within memslots
    outside_memslots: RunArray  # known private although no memslot covers it
    totals: TotalsView  # of the whole VM


def state_at(
    reader: Reader, vm: Vm, at: int | None, first_gfn: int | None = None, end_gfn: int | None = None
) -> StateView:
    """The state after all effects up to and including `at`; None: the last instant of its life."""
    at = last_instant(reader, vm) if at is None else at
    page_map = reader.page_map_at(row_id(vm), at)
    first, end = first_gfn or 0, GFN_LIMIT if end_gfn is None else end_gfn
    return StateView(
        at=at,
        runs=page_map.runs(first, end),
        outside_memslots=private_outside_memslots(page_map, first, end),
        totals=totals_view(page_map.totals(), layout_is_known=vm.layout_is_known),
    )


def private_outside_memslots(page_map: PageMap, first_gfn: int, end_gfn: int) -> RunArray:
    """Runs known private in no memslot: attributes belong to gfns and outlive memslots."""
    if not page_map.layout_is_known:
        return np.empty(0, RUN)
    found = [
        page_map.runs(first, end, within_memslots=False)
        for first, end in gaps(page_map, first_gfn, end_gfn)
    ]
    runs = np.concatenate([np.empty(0, RUN), *found])
    is_private: RunArray = runs[runs["state"] == PageState.PRIVATE]
    return is_private


def gaps(page_map: PageMap, first_gfn: int, end_gfn: int) -> list[tuple[int, int]]:
    """The parts of [first_gfn, end_gfn) that no memslot covers, in order."""
    slots = sorted((slot.base_gfn, slot.end_gfn) for slot in page_map.memslots)
    found = []
    at = first_gfn
    for base, end in [*slots, (end_gfn, end_gfn)]:
        if at < min(base, end_gfn):
            found.append((at, min(base, end_gfn)))
        at = max(at, end)
    return found
