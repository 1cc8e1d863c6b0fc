"""Pages converted back and forth: exact counts for each run of pages, however many there are.

A flip is one conversion that really changed a page between private and shared. A run is as many
neighbouring pages as were flipped by exactly the same conversions.
"""

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray, PageState

FLIP_RUN = np.dtype([("gfn", "<u8"), ("npages", "<u8"), ("flips", "<i8")])  # flips of each page
FlipRunArray = npt.NDArray[np.void]

BACK_AND_FORTH = 3
"""Flips from which on pages came back to a state and left it again."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def flips_among(changes: ChangeArray) -> ChangeArray:
    """The changes that are flips by a conversion."""
    is_flip = changes["before"] + changes["after"] == PageState.SHARED + PageState.PRIVATE
    is_flip &= (changes["before"] != changes["after"]) & (changes["event"] >= 0)
    flips: ChangeArray = changes[is_flip]
    return flips


def flip_runs(flips: ChangeArray, least: int = BACK_AND_FORTH) -> FlipRunArray:
    """The runs that were flipped at least so often, most flips first, then most pages.

    Every flip opens at its first page and closes after its last. Between two such borders each page
    has seen the same flips; stretches are told apart by the sum of a number drawn for each flip,
    so that two with as many flips, but not the same, are not taken for one run.
    """
    if not len(flips):
        return np.empty(0, FLIP_RUN)
    borders = np.concatenate((flips["gfn"], flips["gfn"] + flips["npages"]))
    order = np.argsort(borders, kind="stable")
    drawn = _drawn(flips["event"])
    count = np.repeat(np.array([1, -1], np.int64), len(flips))[order]
    marks = np.concatenate((drawn, np.uint64(0) - drawn))[order]
    at = borders[order]
    is_last = np.append(at[1:] != at[:-1], True)
    edges, flipped, name = at[is_last], np.cumsum(count)[is_last], np.cumsum(marks)[is_last]
    begins = np.flatnonzero(np.append(True, name[1:] != name[:-1]))
    runs = np.zeros(len(begins), FLIP_RUN)
    runs["gfn"], runs["flips"] = edges[begins], flipped[begins]
    runs["npages"] = np.append(edges[begins[1:]], edges[-1]) - runs["gfn"]
    runs = runs[runs["flips"] >= least]
    pages = runs["npages"].astype(np.int64)
    ranked: FlipRunArray = runs[np.lexsort((runs["gfn"], -pages, -runs["flips"]))]
    return ranked


def flips_of(flips: ChangeArray, run: np.void) -> ChangeArray:
    """The flips of a run's pages, in order."""
    covers = (flips["gfn"] <= run["gfn"]) & (flips["gfn"] + flips["npages"] > run["gfn"])
    result: ChangeArray = flips[covers]
    return result


def _drawn(events: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A number for each event that looks random, the same each time (splitmix64)."""
    x = (events.astype(np.uint64) + np.uint64(1)) * _MIX
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed
