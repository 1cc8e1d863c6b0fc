"""Pages converted back and forth: exact counts for each run of pages, however many there are.

A flip is one conversion that really changed a page between private and shared. A run is as many
neighbouring pages as were flipped by exactly the same conversions.
"""

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray
from app.model.guest import PageState
from app.model.stats._grouping import sums_by_key

FLIP_RUN = np.dtype([("gfn", "<u8"), ("npages", "<u8"), ("flips", "<i8")])  # flips of each page
FlipRunArray = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

BACK_AND_FORTH = 3
"""Flips from which on pages came back to a state and left it again."""

MOST_BORDERS = 1 << 21
"""So many are kept before those at one page are united."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def flips_among(changes: ChangeArray) -> ChangeArray:
    """The changes that are flips by a conversion."""
    is_flip = changes["before"] + changes["after"] == PageState.SHARED + PageState.PRIVATE
    is_flip &= (changes["before"] != changes["after"]) & (changes["event"] >= 0)
    flips: ChangeArray = changes[is_flip]
    return flips


class FlipBorders:
    """Where flips begin and end. They may come in any number of chunks.

    Every flip opens at its first page and closes after its last. Between two such borders each page
    has seen the same flips; runs are distinguished by the sum of a number drawn for each flip,
    so that two with as many flips, but not the same, are not taken for one run.
    """

    def __init__(self) -> None:
        self._keys: list[Ints] = [np.zeros(0, np.int64)]
        self._sums: list[Ints] = [np.zeros((0, 2), np.int64)]
        self._kept = 0

    def add(self, flips: ChangeArray) -> None:
        """`flips` are what `flips_among` chose."""
        count = len(flips)
        first = flips["gfn"].astype(np.int64)
        opened = np.empty((2 * count, 2), np.int64)
        opened[:count, 0], opened[count:, 0] = 1, -1
        opened[:count, 1] = _drawn(flips["event"]).view(np.int64)
        opened[count:, 1] = -opened[:count, 1]
        ends = first + flips["npages"].astype(np.int64)
        self._keep(*sums_by_key(np.concatenate((first, ends)), opened))
        if self._kept > MOST_BORDERS:
            self._unite()

    def _keep(self, keys: Ints, sums: Ints) -> None:
        self._keys.append(keys)
        self._sums.append(sums)
        self._kept += len(keys)

    def _unite(self) -> None:
        united = sums_by_key(np.concatenate(self._keys), np.concatenate(self._sums))
        self.__init__()  # type: ignore[misc]
        self._keep(*united)

    def runs(self, least: int = BACK_AND_FORTH) -> FlipRunArray:
        """The runs that were flipped at least so often, most flips first, then most pages."""
        self._unite()
        edges, sums = self._keys[-1], self._sums[-1]
        order = np.argsort(edges)
        edges, flipped, name = edges[order], *np.cumsum(sums[order], axis=0).T
        begins = np.flatnonzero(np.append(True, name[1:] != name[:-1])[: len(edges)])
        runs = np.zeros(len(begins), FLIP_RUN)
        runs["gfn"], runs["flips"] = edges[begins], flipped[begins]
        runs["npages"] = np.append(edges[begins[1:]], edges[-1:]) - edges[begins]
        runs = runs[runs["flips"] >= least]
        pages = runs["npages"].astype(np.int64)
        ranked: FlipRunArray = runs[np.lexsort((runs["gfn"], -pages, -runs["flips"]))]
        return ranked


def flips_of_runs(flips: ChangeArray, gfns: Ints) -> tuple[Ints, Ints]:
    """(which of `gfns`, which of `flips`): every flip of the runs that begin at these, ascending.

    A flip covers a whole run or no page of it. By flip, then by run.
    """
    first, end = flips["gfn"].astype(np.int64), (flips["gfn"] + flips["npages"]).astype(np.int64)
    low, high = np.searchsorted(gfns, first), np.searchsorted(gfns, end)
    met = high - low
    which = np.repeat(np.arange(len(flips)), met)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(met) - met, met)
    return np.repeat(low, met) + nth, which


def _drawn(events: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A number for each event that looks random, the same each time (splitmix64)."""
    x = (events.astype(np.uint64) + np.uint64(1)) * _MIX
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return mixed
