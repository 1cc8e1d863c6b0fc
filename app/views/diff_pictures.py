"""Two moments side by side as strips: what was, and what it became."""

from itertools import groupby

import numpy as np
import numpy.typing as npt

from app.model.differing import DifferenceArray, side_by_side
from app.model.events import PageState
from app.store.reader import Reader
from app.views.overview import AddressStrip
from app.views.pictures import Cell, strip_cells

BINS = 500


def became(reader: Reader, vm_id: int, before_t: int, after_t: int) -> list[tuple[str, Cell]]:
    """What differs between two instants of one VM, by what it became."""
    before, after = (reader.page_map_at(vm_id, t).runs() for t in (before_t, after_t))
    return changes(side_by_side(before, after))


def _shares(rows: DifferenceArray, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """All pages of both sides laid end to end: which share of each bin is chosen."""
    pages = rows["npages"].astype(np.float64)
    ends = np.concatenate(([0.0], np.cumsum(pages)))
    edges = np.linspace(0, ends[-1], BINS + 1)
    before = np.concatenate(([0.0], np.cumsum(np.where(chosen, pages, 0.0))))
    shares: npt.NDArray[np.float64] = np.diff(np.interp(edges, ends, before)) / (ends[-1] / BINS)
    return shares


def states(rows: DifferenceArray, side: str) -> list[Cell]:
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


def changes(rows: DifferenceArray) -> list[tuple[str, Cell]]:
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
