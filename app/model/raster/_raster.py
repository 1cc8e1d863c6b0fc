"""Time x gfn pictures of a VM's memory: what share of each cell was private, and how often it was
converted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import CHANGE, ChangeArray, EventArray, RunArray
from app.model.guest import PAGES_PER_2M, PageState
from app.model.raster._raster_sums import (
    CALLS,
    COUNTS,
    FAILED_CALLS,
    FAULTS,
    MIXED,
    PRESENT,
    PRIVATE,
    PRIVATE_FAULTS,
    RETURNS,
    UNKNOWN,
    Planes,
    RasterArrays,
    Times,
    count_events,
    count_pages,
    share_pages,
    sum_changes,
)


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns are half-open intervals of time, rows ascending disjoint gfn ranges (holes between
    them are left out). Raises ValueError if that is not so."""

    t_edges: Times  # [W + 1] ns, ascending
    row_first: npt.NDArray[np.uint64]  # [H]
    row_end: npt.NDArray[np.uint64]  # [H]

    def __post_init__(self) -> None:
        if len(self.t_edges) < 2 or (np.diff(self.t_edges) <= 0).any():
            raise ValueError("a grid needs ascending times")
        if len(self.row_first) == 0 or len(self.row_first) != len(self.row_end):
            raise ValueError("a grid needs rows")
        if (self.row_first >= self.row_end).any() or (self.row_first[1:] < self.row_end[:-1]).any():
            raise ValueError("the rows of a grid must be ascending disjoint gfn ranges")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return len(self.row_first), len(self.t_edges) - 1


@dataclass(frozen=True, slots=True)
class Raster:
    """[H, W] each. Shares of a row's pages, averaged over a column's time; and conversions and page
    faults by the column they took effect in, once in each row they touch, whatever their outcome.
    """

    private: npt.NDArray[np.float32]
    unknown: npt.NDArray[np.float32]
    present: npt.NDArray[np.float32]  # in a memslot
    conversions: npt.NDArray[np.uint32]
    failed: npt.NDArray[np.uint32]  # conversions that failed
    page_faults: npt.NDArray[np.uint32]
    private_faults: npt.NDArray[np.uint32]  # page faults that are known to be private


@dataclass(frozen=True, slots=True)
class Churn:
    """[H, W] each. Shares of a row's pages, averaged over a column's time; and returns (see
    `app.model.stats`) by the column they happened in, of each page in a memslot."""

    mixed: npt.NDArray[np.float32]  # in a mixed 2 MiB block
    unknown: npt.NDArray[np.float32]
    present: npt.NDArray[np.float32]  # in a memslot
    returns: npt.NDArray[np.int64]


NO_BLOCKS = np.zeros(0, np.int64)


class _Sums:
    """Some planes of a raster in the making. Changes and events may come in any number of chunks.

    The planes that last come first.
    """

    planes: Planes
    has_counts: bool

    def __init__(self, grid: Grid) -> None:
        height, width = grid.shape
        self.grid = grid
        self.arrays = RasterArrays(
            t_edges=np.ascontiguousarray(grid.t_edges, np.int64),
            row_first=np.ascontiguousarray(grid.row_first, np.int64),
            row_end=np.ascontiguousarray(grid.row_end, np.int64),
            planes=self.planes,
            within=np.zeros((height, width, len(self.planes), 2)),
            onward=np.zeros((height + 1, width, len(self.planes), 2)),
            counts=np.zeros((height + 1, width, COUNTS), np.int32),
        )

    def add_start(self, runs: RunArray, mixed: npt.NDArray[np.int64]) -> None:
        """What was there before the changes, as `PageMap.runs` and `PageMap.mixed_in` give it."""
        changes = np.zeros(len(runs) + len(mixed), CHANGE)
        changes["t"] = self.arrays.t_edges[0]
        states, blocks = changes[: len(runs)], changes[len(runs) :]
        states["gfn"], states["npages"] = runs["gfn"], runs["npages"]
        states["before"], states["after"] = PageState.NO_MEMSLOT, runs["state"]
        states["in_memslot"] = True
        blocks["gfn"], blocks["npages"], blocks["mixed_delta"] = mixed * PAGES_PER_2M, 1, 1
        self.add_changes(changes)

    def add_changes(self, changes: ChangeArray) -> None:
        """Changes before the first column hold in all of it; those after the last are left out."""
        sum_changes(self.arrays, changes)

    def add_events(self, events: EventArray) -> None:
        """Count conversions and page faults whose range is known; others are left out."""
        count_events(self.arrays, events)

    def shares(self, count: int) -> npt.NDArray[np.float32]:
        """[count, H, W] of the first planes."""
        shares = np.zeros((count, *self.grid.shape), np.float32)
        share_pages(self.arrays, shares)
        return shares


class RasterSums(_Sums):
    """A raster in the making."""

    planes = np.array([PRIVATE, UNKNOWN, PRESENT], np.int64)
    has_counts = True

    def finish(self) -> Raster:
        private, unknown, present = self.shares(3)
        counts = np.cumsum(self.arrays.counts, axis=0, out=self.arrays.counts)[:-1].view(np.uint32)
        return Raster(
            private=private,
            unknown=unknown,
            present=present,
            conversions=counts[:, :, CALLS],
            failed=counts[:, :, FAILED_CALLS],
            page_faults=counts[:, :, FAULTS],
            private_faults=counts[:, :, PRIVATE_FAULTS],
        )


class ChurnSums(_Sums):
    """A raster of what changed back and forth, in the making."""

    planes = np.array([MIXED, UNKNOWN, PRESENT, RETURNS], np.int64)
    has_counts = False

    def finish(self) -> Churn:
        mixed, unknown, present = self.shares(3)
        returns = np.zeros(self.grid.shape, np.int64)
        count_pages(self.arrays, 3, returns)
        return Churn(mixed=mixed, unknown=unknown, present=present, returns=returns)
