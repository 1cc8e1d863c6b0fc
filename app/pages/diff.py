"""Two moments side by side, as a page whose address reproduces it."""

from itertools import groupby
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Query, Response

from app.api.dependencies import ReaderOf
from app.api.diff import Sides, SidesOf, vms_of
from app.model.differing import DifferenceArray
from app.model.events import PageState
from app.pages.rendering import PageRoute, page
from app.views.diffs import diff, largest, moment, rows_between
from app.views.overview import AddressStrip
from app.views.pictures import STRIP_HEIGHT, Cell, strip_cells
from app.views.recordings import find_recording

BINS = 500
RUNS_SHOWN = 50

router = APIRouter(route_class=PageRoute)


@router.get("/diff", include_in_schema=False)
def show_diff(
    reader: ReaderOf,
    chosen: SidesOf,
    swap: Annotated[bool, Query(description="The other way round.")] = False,
) -> Response:
    """What became private, shared or unknown between two moments."""
    first, second = vms_of(reader, chosen)
    a = moment(reader, first, chosen.at, chosen.event)
    b = moment(reader, second, chosen.at_b, chosen.event_b)
    if swap:
        a, b = b, a
    rows = rows_between(reader, a, b)
    return page(
        "diff.html",
        found=diff(a, b, rows),
        recordings=[find_recording(reader, i) for i in dict.fromkeys((a.recording, b.recording))],
        runs=largest(rows, RUNS_SHOWN),
        strips=[("A", _states(rows, "before")), ("B", _states(rows, "after"))],
        changes=_changes(rows),
        width=BINS,
        height=STRIP_HEIGHT,
        link=_link(chosen),
    )


def _link(chosen: Sides) -> str:
    """The query that reproduces the page."""
    names = ("vm", "at", "event", "vm_b", "at_b", "event_b")
    given = {name: getattr(chosen, name) for name in names}
    return "&".join(f"{name}={value}" for name, value in given.items() if value is not None)


def _shares(rows: DifferenceArray, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """All pages of both sides laid end to end: which share of each bin is chosen."""
    pages = rows["npages"].astype(np.float64)
    ends = np.concatenate(([0.0], np.cumsum(pages)))
    edges = np.linspace(0, ends[-1], BINS + 1)
    before = np.concatenate(([0.0], np.cumsum(np.where(chosen, pages, 0.0))))
    shares: npt.NDArray[np.float64] = np.diff(np.interp(edges, ends, before)) / (ends[-1] / BINS)
    return shares


def _states(rows: DifferenceArray, side: str) -> list[Cell]:
    """One side's states; nothing where it has no memslot."""
    if not len(rows):
        return []
    private, unknown, absent = (
        _shares(rows, rows[side] == state)
        for state in (PageState.PRIVATE, PageState.UNKNOWN, PageState.NO_MEMSLOT)
    )
    present = np.maximum(1 - absent, 1e-9)
    cells = strip_cells(AddressStrip(private / present, unknown / present), BINS)
    return [cell for cell in cells if absent[int(cell.x)] < 0.5]


def _changes(rows: DifferenceArray) -> list[tuple[str, Cell]]:
    """(class, place) of the bins in which anything differs, by what most of it became."""
    if not len(rows):
        return []
    is_changed = rows["before"] != rows["after"]
    shares = np.stack([_shares(rows, is_changed & (rows["after"] == s)) for s in PageState])
    became = shares.argmax(axis=0)
    cells = []
    first = 0
    for state, group in groupby(np.where(shares.sum(axis=0) > 0, became, -1).tolist()):
        width = len(list(group))
        if state >= 0:
            name = PageState(state).name.lower().replace("_", "-")
            cells.append((name, Cell(first, width, "")))
        first += width
    return cells
