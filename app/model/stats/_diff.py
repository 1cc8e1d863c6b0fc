"""Two page maps side by side: which pages differ, and how."""

import numpy as np
import numpy.typing as npt

from app.model.events import RunArray
from app.model.guest import PageState

DIFFERENCE = np.dtype(
    [
        ("gfn", "<u8"),
        ("npages", "<u8"),
        ("before", "u1"),  # PageState; NO_MEMSLOT where the one map has no such page
        ("after", "u1"),
    ]
)
DifferenceArray = npt.NDArray[np.void]
Matrix = npt.NDArray[np.int64]

STATES = len(PageState)


def side_by_side(before: RunArray, after: RunArray) -> DifferenceArray:
    """Maximal runs of pages that are in one state before and one after, equal ones among them.

    Both are in gfn order; pages that neither has are left out.
    """
    edges = np.unique(np.concatenate([_edges(before), _edges(after)]))
    rows = np.zeros(max(len(edges) - 1, 0), DIFFERENCE)
    if not len(rows):
        return rows
    rows["gfn"], rows["npages"] = edges[:-1], np.diff(edges)
    rows["before"], rows["after"] = _states_at(before, edges[:-1]), _states_at(after, edges[:-1])
    rows = rows[(rows["before"] != PageState.NO_MEMSLOT) | (rows["after"] != PageState.NO_MEMSLOT)]
    return _merged(rows)


def _edges(runs: RunArray) -> npt.NDArray[np.uint64]:
    return np.concatenate((runs["gfn"], runs["gfn"] + runs["npages"]))


def _states_at(runs: RunArray, gfns: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    if not len(runs):
        return np.full(len(gfns), PageState.NO_MEMSLOT, np.uint8)
    at = np.searchsorted(runs["gfn"], gfns, side="right") - 1
    found = runs[np.maximum(at, 0)]
    is_inside = (at >= 0) & (gfns < found["gfn"] + found["npages"])
    return np.where(is_inside, found["state"], np.uint8(PageState.NO_MEMSLOT))


def _merged(rows: DifferenceArray) -> DifferenceArray:
    """Neighbours that are alike, as one."""
    starts = np.ones(len(rows), bool)
    starts[1:] = rows["gfn"][1:] != rows["gfn"][:-1] + rows["npages"][:-1]
    for name in ("before", "after"):
        starts[1:] |= rows[name][1:] != rows[name][:-1]
    first = np.flatnonzero(starts)
    merged: DifferenceArray = rows[first]
    if len(first):
        merged["npages"] = np.add.reduceat(rows["npages"], first)
    return merged


def transitions(rows: DifferenceArray) -> Matrix:
    """[before, after] pages, by PageState."""
    matrix = np.zeros((STATES, STATES), np.int64)
    np.add.at(matrix, (rows["before"], rows["after"]), rows["npages"].astype(np.int64))
    return matrix


def differing(rows: DifferenceArray) -> DifferenceArray:
    """Only what is not the same on both sides."""
    result: DifferenceArray = rows[rows["before"] != rows["after"]]
    return result
