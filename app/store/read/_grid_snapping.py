"""Moving a grid's edges a little, to where summaries can draw it exactly and fast."""

import numpy as np
import numpy.typing as npt

from app.model.events import LIMIT, Window
from app.model.raster import Grid
from app.store.read._resolution import (
    Resolution,
    expired_in,
    quantum_shift_of,
    resolution_of,
)
from app.store.segments import Pyramid

EXACT_EVENTS = 1 << 19
"""So many are drawn from their changes fast enough."""
EXACT_ROWS_EVENTS = 1 << 21
"""So many are drawn from their changes where blocks are too high for the rows."""

Edges = npt.NDArray[np.int64]
Gfns = npt.NDArray[np.uint64]


def fit_edges(t_edges: Edges, pyramid: Pyramid) -> Edges:
    """Edges on borders of quanta that cover the same time in equal columns.

    There are at most as many, and fewer where they would be narrower than a quantum. Times stay as
    they are where the segments hold few events.
    """
    window = Window(int(t_edges[0]), int(t_edges[-1]))
    if events_in(pyramid, window) <= EXACT_EVENTS:
        return t_edges
    shift = quantum_shift_of(pyramid, window, len(t_edges) - 1)
    return t_edges if shift is None else _on_quanta(t_edges, shift)


def _on_quanta(t_edges: Edges, shift: int) -> Edges:
    first, last = int(t_edges[0]) >> shift, -(-int(t_edges[-1]) >> shift)
    step = max(1, -(-(last - first) // (len(t_edges) - 1)))
    count = -(-(last - first) // step)
    return (first + step * np.arange(count + 1, dtype=np.int64)) << shift


def fit_grid(grid: Grid, pyramid: Pyramid) -> Grid:
    """A grid of the same rows and at most as many columns.

    Borders of rows move to those of blocks, by at most half a block. Rows lower than a block stay
    as they are; at a hole, a row may reach into the hole.
    """
    window = _window_of(grid)
    if events_in(pyramid, window) <= EXACT_EVENTS:
        return grid
    found = resolution_of(pyramid, window, grid.shape[1], grid.shape[0])
    if found is None:
        return Grid(fit_edges(grid.t_edges, pyramid), grid.row_first, grid.row_end)
    first, end = _fit_rows(grid, found.block_shift)
    return Grid(_on_quanta(grid.t_edges, found.quantum_shift), first, end)


def lowest_row(pyramid: Pyramid, window: Window, columns: int, rows: int) -> int:
    """How many pages a row must have at least to be drawn fast: 1 where any is."""
    if events_in(pyramid, window) <= EXACT_ROWS_EVENTS:
        return 1
    found: Resolution | None = resolution_of(pyramid, window, columns, rows)
    return 1 if found is None else 1 << found.block_shift


def events_in(pyramid: Pyramid, window: Window) -> int:
    """How many events the segments hold that meet a window's time: any number where cells alone are
    kept of one."""
    if expired_in(pyramid, window):
        return LIMIT
    return sum(
        info.event_count
        for info in pyramid.infos
        if info.first_t < window.t_to and info.last_t >= window.t_from and not info.is_expired
    )


def _window_of(grid: Grid) -> Window:
    times = int(grid.t_edges[0]), int(grid.t_edges[-1])
    return Window(*times, int(grid.row_first[0]), int(grid.row_end[-1]))


def _fit_rows(grid: Grid, block_shift: int) -> tuple[Gfns, Gfns]:
    block = np.uint64(1 << block_shift)
    first, end = grid.row_first.copy(), grid.row_end.copy()
    is_tall = end - first >= block
    # Borders that two tall rows share go to the nearest border of blocks.
    shared = np.flatnonzero((end[:-1] == first[1:]) & is_tall[:-1] & is_tall[1:])
    nearest = (end[shared] + block // np.uint64(2)) // block * block
    end[shared] = first[shared + 1] = nearest
    # Those at a hole go outwards, if the hole has room for it.
    room_below = np.concatenate(([np.uint64(0)], end[:-1]))
    down = first // block * block
    first = np.where(is_tall & (down >= room_below), down, first)
    room_above = np.concatenate((first[1:], [np.uint64(1 << 62)]))
    up = (end + block - np.uint64(1)) // block * block
    end = np.where(is_tall & (up <= room_above), up, end)
    return first, end
