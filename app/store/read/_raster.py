"""Rasters of wide windows from summaries, of narrow ones from changes, of both kinds at once.

A summary draws exactly where the grid's edges are borders of its quanta and blocks. Columns must
be so throughout; rows that are not (as of a memslot smaller than a block) are drawn from changes,
while the others need only the summary.
"""

from dataclasses import fields
from functools import partial
from typing import Generic, TypeVar, cast

import numpy as np
import numpy.typing as npt

from app.model.events import Window
from app.model.guest import PAGES_PER_2M
from app.model.raster import (
    MIXED,
    NO_BLOCKS,
    Churn,
    ChurnSums,
    Grid,
    Raster,
    RasterSums,
    Summary,
    add_summary,
)
from app.store.read._history import Start, Stored
from app.store.segments import CoarseInfo, SegmentInfo, Source

NARROW_BLOCKS = 64
"""In a window of more blocks than this there is hardly ever nothing."""

OF_SEGMENTS, OF_PARTITIONS = 4, 16
"""The cells of a coarse summary are looked at before so many are read: that costs as much as half a
segment."""

MOST_CELLS = 1 << 19
"""Are drawn at once: the sums of a cell take 160 bytes while they are made."""

Rows = npt.NDArray[np.bool_]


Picture = TypeVar("Picture", Raster, Churn)


class Drawing(Generic[Picture]):
    """One raster in the making: the segments that follow a page map, on one grid."""

    def __init__(
        self,
        stored: Stored,
        grid: Grid,
        sums: type[RasterSums | ChurnSums],
    ) -> None:
        """`sums`: which raster to draw; it makes a Picture."""
        self._stored = stored
        self._grid = grid
        self._sums = sums

    def draw(self) -> Picture:
        grid, block_shift = self._grid, self._block_shift()
        is_coarse = np.zeros(len(grid.row_first), np.bool_)
        if block_shift is not None:
            is_coarse = is_on_blocks(grid, block_shift)
        first_t = int(grid.t_edges[0])
        parts: list[tuple[npt.NDArray[np.intp], Picture]] = []
        for rows in _groups(is_coarse, max(1, MOST_CELLS // grid.shape[1])):
            some = Grid(grid.t_edges, grid.row_first[rows], grid.row_end[rows])
            sums = self._sums(some)
            if is_coarse[rows[0]] and block_shift is not None:
                start = self._stored.start(first_t, partial(self._is_usable, block_shift))
                self._begin(sums, start)
                self._add_coarse(sums, start, block_shift)
            else:
                start = self._stored.start(first_t)
                self._begin(sums, start)
                self._add_fine(sums, start)
            parts.append((rows, cast(Picture, sums.finish())))
        return _assembled(parts, grid.shape)

    def _block_shift(self) -> int | None:
        """The highest blocks on whose borders most rows lie that lie on borders of any; None if
        nothing summarised fits."""
        t_edges, pyramid = self._grid.t_edges, self._stored.pyramid
        of_segments = (info.block_shift for info in pyramid.infos if is_on_quanta(t_edges, info))
        highest = max((shift for shift in of_segments if shift is not None), default=None)
        shifts = set() if highest is None else {highest}
        for one in pyramid.coarse():
            if is_on_quanta(t_edges, one):
                shifts |= one.tilings.keys()
        on = {shift: int(is_on_blocks(self._grid, shift).sum()) for shift in shifts}
        return max((shift for shift in on if 2 * on[shift] >= max(on.values())), default=None)

    def _is_usable(self, block_shift: int, one: CoarseInfo) -> bool:
        return is_on_quanta(self._grid.t_edges, one) and any(
            shift <= block_shift for shift in one.tilings
        )

    def _begin(self, sums: RasterSums | ChurnSums, start: Start) -> None:
        window = _window_of(sums.grid)
        bounds = window.gfn_from, window.gfn_to
        mixed = start.page_map.mixed_in(*bounds) if MIXED in sums.planes else NO_BLOCKS
        sums.add_start(start.page_map.runs(*bounds), mixed)

    def _add_coarse(self, sums: RasterSums | ChurnSums, start: Start, block_shift: int) -> None:
        """Rows on borders of blocks, from summaries where they fit."""
        window = _window_of(sums.grid)
        usable = partial(self._is_usable, block_shift)
        for info, one in self._stored.pyramid.walk(start.place, usable):
            if info.first_t >= window.t_to:
                break
            if one is not None:
                shift = max(shift for shift in one.tilings if shift <= block_shift)
                for summary in self._stored.tiles(one, shift, window, self._sums):
                    add_summary(sums, summary)
            elif is_on_quanta(self._grid.t_edges, info) and (info.block_shift or 0) <= block_shift:
                add_summary(sums, self._stored.cells(info, self._sums))
            elif info.meets(window) and self._may_meet(info, window):
                self._add_source(sums, self._stored.source(info), window)

    def _add_fine(self, sums: RasterSums | ChurnSums, start: Start) -> None:
        """Rows between such borders, from changes; segments that have none there are passed over,
        many at a time."""
        window = _window_of(sums.grid)
        passed = checked = start.place
        for place, segments, source in self._stored.sources(window, start.place):
            if place < passed:
                continue
            coarse = [
                one
                for one in self._stored.pyramid.beginning_at(place)
                if one.segments >= segments * (OF_PARTITIONS if segments > 1 else OF_SEGMENTS)
            ]
            nothing = (one.segments for one in coarse if not self._may_meet_any(one, window))
            passed = place + next(nothing, 0)
            if source is None or passed > place:
                continue
            checked = max(checked, *(place + one.segments for one in coarse), place)
            is_checked = segments > 1 or place < checked
            if is_checked or self._may_meet(self._stored.pyramid.infos[place], window):
                self._add_source(sums, source, window)

    def _add_source(self, sums: RasterSums | ChurnSums, source: Source, window: Window) -> None:
        sums.add_changes(source.changes_in(window))
        if sums.has_counts:
            then = window._replace(t_from=int(self._grid.t_edges[0]))
            sums.add_events(source.counted_in(then))

    def _may_meet(self, info: SegmentInfo, window: Window) -> bool:
        """False if the segment's summary, which is read faster, shows that nothing is there."""
        if info.block_shift is None or is_wide(window, info.block_shift):
            return True
        return may_meet(self._stored.cells(info, self._sums), window)

    def _may_meet_any(self, one: CoarseInfo, window: Window) -> bool:
        """As `_may_meet`, of all its segments."""
        if not one.tilings or is_wide(window, min(one.tilings)):
            return True
        tiles = self._stored.tiles(one, min(one.tilings), window, self._sums)
        return any(may_meet(tile, window) for tile in tiles)


def _window_of(grid: Grid) -> Window:
    """Where to look for what a grid shows: whole 2 MiB blocks, for they are mixed as a whole."""
    first, end = int(grid.row_first[0]), int(grid.row_end[-1])
    return Window(
        t_to=int(grid.t_edges[-1]),
        gfn_from=first - first % PAGES_PER_2M,
        gfn_to=end + -end % PAGES_PER_2M,
    )


def is_wide(window: Window, block_shift: int) -> bool:
    """Whether a window has so many blocks that there is hardly ever nothing in it."""
    return (window.gfn_to - window.gfn_from) >> block_shift > NARROW_BLOCKS


def may_meet(summary: Summary, window: Window) -> bool:
    """Whether a change or a counted event of a summary may lie in a window of gfns.

    It does not if none begins or ends in the window's blocks and none reaches across them. What is
    undone within a quantum takes no step in all, but its times differ.
    """
    cells = summary.cells
    first, last = (gfn >> summary.block_shift for gfn in (window.gfn_from, window.gfn_to))
    if ((cells["block"] >= first) & (cells["block"] <= last)).any():
        return True
    below = cells[cells["block"] < first]
    _, at = np.unique(below["quantum"], return_inverse=True)
    for name in ("steps", "times", "crossings"):
        reaching = np.zeros((len(below) + 1, below[name].shape[1]), np.int64)
        np.add.at(reaching, at, below[name])
        if reaching.any():
            return True
    return False


def is_on_quanta(t_edges: npt.NDArray[np.int64], one: SegmentInfo | CoarseInfo) -> bool:
    """Whether there is a summary on whose quanta all edges lie."""
    return _are_borders(t_edges, one.quantum_shift)


def is_on_timeline(t_edges: npt.NDArray[np.int64], one: SegmentInfo | CoarseInfo) -> bool:
    """Whether there is a timeline on whose quanta all edges lie."""
    return _are_borders(t_edges, one.timeline_shift)


def _are_borders(t_edges: npt.NDArray[np.int64], quantum_shift: int | None) -> bool:
    if quantum_shift is None:
        return False
    return not int(np.bitwise_or.reduce(t_edges)) & ((1 << quantum_shift) - 1)


def is_on_blocks(grid: Grid, block_shift: int) -> Rows:
    """Which rows begin and end on borders of blocks."""
    inside = (grid.row_first | grid.row_end) & np.uint64((1 << block_shift) - 1)
    is_on: Rows = inside == 0
    return is_on


def _groups(is_coarse: Rows, most: int) -> list[npt.NDArray[np.intp]]:
    """The coarse rows together, the others by neighbourhood; no more than so many in each."""
    fine = np.flatnonzero(~is_coarse)
    breaks = np.flatnonzero(np.diff(fine) != 1) + 1
    groups = [np.flatnonzero(is_coarse), *np.split(fine, breaks)]
    return [group[i : i + most] for group in groups for i in range(0, len(group), most)]


def _assembled(
    parts: list[tuple[npt.NDArray[np.intp], Picture]], shape: tuple[int, int]
) -> Picture:
    if len(parts) == 1:
        return parts[0][1]
    kind = type(parts[0][1])
    names = [field.name for field in fields(kind)]
    measures = {name: np.zeros(shape, getattr(parts[0][1], name).dtype) for name in names}
    for rows, picture in parts:
        for name, measure in measures.items():
            measure[rows] = getattr(picture, name)
    return kind(**measures)
