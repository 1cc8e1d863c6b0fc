"""The address axis: what is drawn of it in so many rows, without the holes between memslots."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from app.model.events import RunArray
from app.model.guest import Memslot
from app.model.intervals import Interval, united

LEAST_HOLE_ROWS = 2
"""A hole that would be lower than this many rows is drawn, not left out."""

LEAST_BAND_ROWS = 3
"""What a band gets even if its share of the height is less."""


@dataclass(frozen=True, slots=True)
class Band:
    """A range of gfns that is drawn without a break. Rows count from 0 at the lowest gfn."""

    first_gfn: int
    end_gfn: int
    row_first: int
    row_end: int


def covered(memslots: Iterable[Memslot], from_t: int, to_t: int) -> list[Interval]:
    """What memslots covered at any time in [from_t, to_t), as ascending disjoint ranges of gfns."""
    return united(
        (slot.base_gfn, slot.end_gfn) for slot in memslots if slot.was_alive_in(from_t, to_t)
    )


def touched(runs: RunArray) -> list[Interval]:
    """What runs cover, for a VM without known memslots, as ascending disjoint ranges of gfns."""
    ends = runs["gfn"] + runs["npages"]
    return united(zip(runs["gfn"].tolist(), ends.tolist(), strict=True))


def bands(ranges: Sequence[Interval], *, first_gfn: int, end_gfn: int, height: int) -> list[Band]:
    """Divide `height` rows among ascending disjoint ranges, cut at [first_gfn, end_gfn).

    Each gets rows in proportion to its pages, but `LEAST_BAND_ROWS` at least and one a page at
    most, so all rows are used unless there are fewer pages. Holes lower than `LEAST_HOLE_ROWS`
    are drawn; so are the narrowest ones where there are more ranges than the height allows.
    Nothing in the window: no bands.
    """
    clipped = [(max(first, first_gfn), min(end, end_gfn)) for first, end in ranges]
    drawn = [(first, end) for first, end in clipped if first < end]
    drawn = _without_narrow_holes(drawn, height)
    edges = np.cumsum([0, *_rows([end - first for first, end in drawn], height)]).tolist()
    return [
        Band(first, end, edges[index], edges[index + 1]) for index, (first, end) in enumerate(drawn)
    ]


def _without_narrow_holes(ranges: list[Interval], height: int) -> list[Interval]:
    """Fill holes until all that are left are high enough, and few enough."""
    while True:
        pages = sum(end - first for first, end in ranges)
        holes = [after[0] - before[1] for before, after in pairwise(ranges)]
        excess = len(ranges) - max(1, height // LEAST_BAND_ROWS)
        widest_filled = sorted(holes)[excess - 1] if excess > 0 else -1
        narrow = {
            index
            for index, hole in enumerate(holes)
            if hole <= widest_filled or hole * height < LEAST_HOLE_ROWS * pages
        }
        if not narrow:
            return ranges
        ranges = _filled(ranges, narrow)


def _filled(ranges: list[Interval], holes: set[int]) -> list[Interval]:
    """Join the ranges before and after each hole."""
    filled = ranges[:1]
    for index, one in enumerate(ranges[1:]):
        if index in holes:
            filled[-1] = (filled[-1][0], one[1])
        else:
            filled.append(one)
    return filled


def _rows(pages: list[int], height: int) -> list[int]:
    """Give each its least rows, then row by row to the one with the most pages a row."""
    if not pages:
        return []
    most = np.array(pages, np.int64)
    rows = np.minimum(most, LEAST_BAND_ROWS if len(pages) * LEAST_BAND_ROWS <= height else 1)
    for _ in range(min(height, sum(pages)) - int(rows.sum())):
        density = np.where(rows < most, most / rows, 0)
        rows[np.argmax(density)] += 1
    return [int(count) for count in rows]


def row_ranges(
    drawn: Sequence[Band],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """First and end gfn of each row, as a `raster.Grid` takes them."""
    edges = [_edges(band) for band in drawn]
    first = [edge[:-1] for edge in edges]
    end = [edge[1:] for edge in edges]
    empty = np.empty(0, np.uint64)
    return np.concatenate([empty, *first]), np.concatenate([empty, *end])


def _edges(band: Band) -> npt.NDArray[np.uint64]:
    """Where the rows of a band meet, spread evenly over its pages."""
    rows, pages = band.row_end - band.row_first, band.end_gfn - band.first_gfn
    whole, rest = divmod(pages, rows)
    steps = np.arange(rows + 1, dtype=np.uint64)
    return (
        np.uint64(band.first_gfn)
        + steps * np.uint64(whole)
        + steps * np.uint64(rest) // np.uint64(rows)
    )
