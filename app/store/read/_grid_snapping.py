"""Moving a grid's edges a little, to where summaries can draw it exactly and fast."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.model.raster import Grid
from app.store.segments import SegmentInfo

EXACT_EVENTS = 1 << 19
"""So many are drawn from their changes fast enough."""

Edges = npt.NDArray[np.int64]
Gfns = npt.NDArray[np.uint64]


def fit_edges(t_edges: Edges, infos: Sequence[SegmentInfo]) -> Edges:
    """Edges on borders of the segments' quanta that cover the same time in equal columns.

    There are at most as many, and fewer where they would be narrower than a quantum. Times stay as
    they are where the segments hold few events.
    """
    within = _summarised(t_edges, infos)
    if not within:
        return t_edges
    shift = _quantum_shift(t_edges, within)
    first, last = int(t_edges[0]) >> shift, -(-int(t_edges[-1]) >> shift)
    step = max(1, -(-(last - first) // (len(t_edges) - 1)))
    count = -(-(last - first) // step)
    return (first + step * np.arange(count + 1, dtype=np.int64)) << shift


def fit_grid(grid: Grid, infos: Sequence[SegmentInfo]) -> Grid:
    """A grid of the same rows and at most as many columns, for `fit_edges`.

    Borders of rows move to those of blocks, by at most half a block: a quarter of a row. Rows lower
    than two blocks stay as they are; at a hole, a row may reach into the hole.
    """
    within = _summarised(grid.t_edges, infos)
    if not within:
        return grid
    first, end = _fit_rows(grid, max(info.block_shift or 0 for info in within))
    return Grid(fit_edges(grid.t_edges, infos), first, end)


def _summarised(t_edges: Edges, infos: Sequence[SegmentInfo]) -> list[SegmentInfo]:
    """The segments with a summary that a grid meets; none if it meets few events."""
    within = [info for info in infos if info.first_t < t_edges[-1] and info.last_t >= t_edges[0]]
    if sum(info.event_count for info in within) <= EXACT_EVENTS:
        return []
    return [info for info in within if info.quantum_shift is not None]


def _quantum_shift(t_edges: Edges, within: Sequence[SegmentInfo]) -> int:
    """The quantum to fit: that of half the events at least.

    Segments with a longer one are drawn from their changes. Where times are quiet they are few,
    since a quantum is a share of its segment's time.
    """
    widest = int(np.diff(t_edges).min()).bit_length() - 1
    fitting = [info.quantum_shift or 0 for info in within if (info.quantum_shift or 0) <= widest]
    if 2 * len(fitting) >= len(within):
        return max(fitting)
    return sorted(info.quantum_shift or 0 for info in within)[len(within) // 2]


def _fit_rows(grid: Grid, block_shift: int) -> tuple[Gfns, Gfns]:
    block = np.uint64(1 << block_shift)
    first, end = grid.row_first.copy(), grid.row_end.copy()
    is_tall = end - first >= np.uint64(2) * block
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
