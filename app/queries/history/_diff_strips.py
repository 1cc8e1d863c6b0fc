"""Two moments side by side as strips: what was, and what it became."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from app.model.guest import PageState
from app.model.stats import DifferenceArray, side_by_side
from app.queries.home import AddressStrip, Cell, strip_cells
from app.store.read import Reader

BINS = 500
LEVELS, LEAST_LEVEL = 20, 4
"""Heights of a bar. The least one can still be seen, however little differs."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Neighbouring bins of which the same share differs, and what most of that became."""

    became: str  # a class
    x: int
    width: int
    height: float  # the share, LEAST_LEVEL / LEVELS at least


def changes_between(reader: Reader, vm_id: int, before_t: int, after_t: int) -> list[Bar]:
    """What differs between two instants of one VM, by what it became."""
    before = reader.page_map_at(vm_id, before_t).runs()
    after = reader.page_map_at(vm_id, after_t, after=before_t).runs()
    return change_bars(side_by_side(before, after))


def _shares(rows: DifferenceArray, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """All pages of both sides laid end to end: which share of each bin is chosen."""
    pages = rows["npages"].astype(np.float64)
    ends = np.concatenate(([0.0], np.cumsum(pages)))
    edges = np.linspace(0, ends[-1], BINS + 1)
    before = np.concatenate(([0.0], np.cumsum(np.where(chosen, pages, 0.0))))
    shares: npt.NDArray[np.float64] = np.diff(np.interp(edges, ends, before)) / (ends[-1] / BINS)
    return shares


def side_cells(rows: DifferenceArray, side: str) -> list[Cell]:
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


def change_bars(rows: DifferenceArray) -> list[Bar]:
    """The bins in which anything differs, by what most of it became."""
    if not len(rows):
        return []
    is_changed = rows["before"] != rows["after"]
    shares = np.stack([_shares(rows, is_changed & (rows["after"] == s)) for s in PageState])
    differing = shares.sum(axis=0).round(9)  # interpolating leaves dust
    levels = np.where(differing > 0, np.clip(np.ceil(differing * LEVELS), LEAST_LEVEL, LEVELS), 0)
    bars, first = [], 0
    for (state, level), group in groupby(zip(shares.argmax(axis=0), levels, strict=True)):
        width = len(list(group))
        if level:
            name = PageState(state).name.lower().replace("_", "-")
            bars.append(Bar(name, first, width, float(level) / LEVELS))
        first += width
    return bars
