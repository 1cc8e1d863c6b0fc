"""Rasters of wide windows from summaries, of narrow ones from changes, of both kinds at once.

A summary draws exactly where the grid's edges are borders of its quanta and blocks. Columns must
be so throughout; rows that are not (as of a memslot smaller than a block) are drawn from changes,
while the others need only the summary.
"""

from dataclasses import fields
from typing import Generic, TypeVar, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from app.model.events import Window
from app.model.guest import PAGES_PER_2M
from app.model.pagemap import PageMap
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
from app.store.segments import SegmentInfo, Segments

NARROW_BLOCKS = 64
"""In a window of more blocks than this there is hardly ever nothing."""

MOST_CELLS = 1 << 19
"""Are drawn at once: the sums of a cell take 160 bytes while they are made."""

Rows = npt.NDArray[np.bool_]


Picture = TypeVar("Picture", Raster, Churn)


class Drawing(Generic[Picture]):
    """One raster in the making: the segments that follow a page map, on one grid."""

    def __init__(
        self,
        segments: Segments,
        connection: Connection,
        grid: Grid,
        sums: type[RasterSums | ChurnSums],
    ) -> None:
        """`sums`: which raster to draw; it makes a Picture."""
        self._segments = segments
        self._connection = connection
        self._grid = grid
        self._sums = sums

    def draw(self, start: PageMap, infos: tuple[SegmentInfo, ...]) -> Picture:
        usable = [info for info in infos if is_on_quanta(self._grid.t_edges, info)]
        summarised = {info.id for info in usable}
        block_shift = max((info.block_shift or 0 for info in usable), default=0)
        is_coarse = is_on_blocks(self._grid, block_shift) & bool(summarised)
        parts: list[tuple[npt.NDArray[np.intp], Picture]] = []
        for rows in _groups(is_coarse, max(1, MOST_CELLS // self._grid.shape[1])):
            grid = Grid(self._grid.t_edges, self._grid.row_first[rows], self._grid.row_end[rows])
            coarse = summarised if is_coarse[rows[0]] else set()
            parts.append((rows, self._draw_rows(start, infos, grid, coarse)))
        return _assembled(parts, self._grid.shape)

    def _draw_rows(
        self,
        start: PageMap,
        infos: tuple[SegmentInfo, ...],
        grid: Grid,
        coarse: set[int],
    ) -> Picture:
        """Draw some rows; `coarse` are the segments whose summary fits them."""
        first_t = int(grid.t_edges[0])
        window = _window_of(grid)
        sums = self._sums(grid)
        bounds = window.gfn_from, window.gfn_to
        mixed = start.mixed_in(*bounds) if MIXED in sums.planes else NO_BLOCKS
        sums.add_start(start.runs(*bounds), mixed)
        for info in infos:
            if not info.meets(window):
                continue
            if info.id in coarse:
                add_summary(sums, self._segments.cells(self._connection, info, self._sums))
            elif self._may_meet(info, window):
                columns = self._segments.columns(self._connection, info)
                sums.add_changes(columns.changes_in(window))
                if sums.has_counts:
                    sums.add_events(columns.counted_in(window._replace(t_from=first_t)))
        return cast(Picture, sums.finish())

    def _may_meet(self, info: SegmentInfo, window: Window) -> bool:
        """False if the segment's summary, which is read faster, shows that nothing is there."""
        blocks = (window.gfn_to - window.gfn_from) >> (info.block_shift or 0)
        if info.block_shift is None or blocks > NARROW_BLOCKS:
            return True
        return may_meet(self._segments.cells(self._connection, info, self._sums), window)


def _window_of(grid: Grid) -> Window:
    """Where to look for what a grid shows: whole 2 MiB blocks, for they are mixed as a whole."""
    first, end = int(grid.row_first[0]), int(grid.row_end[-1])
    return Window(
        t_to=int(grid.t_edges[-1]),
        gfn_from=first - first % PAGES_PER_2M,
        gfn_to=end + -end % PAGES_PER_2M,
    )


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


def is_on_quanta(t_edges: npt.NDArray[np.int64], info: SegmentInfo) -> bool:
    """Whether a segment has a summary on whose quanta all edges lie."""
    if info.quantum_shift is None:
        return False
    return not (t_edges & ((1 << info.quantum_shift) - 1)).any()


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
