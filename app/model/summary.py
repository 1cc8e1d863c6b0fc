"""What a segment keeps of its changes for zoomed-out views: sparse cells on a global aligned grid.

Quanta of 2^q ns and blocks of 2^k pages are counted from 0. A change is two steps (see
`rastering`); a cell adds up the steps that begin in its quantum and block, with their moments:
how far into the block and the quantum they lie. From these a raster whose edges are multiples of
blocks and quanta follows exactly (sums of whole numbers; products beyond 2^53 are rounded), also
the time average within a quantum. Cells of all segments add up, and coarser cells follow from
finer ones exactly.

A conversion counts where it starts; `crossings` are steps of "how many conversions reach into this
block from the one before", so that a row of any height counts each conversion once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray, EventArray, RunArray
from app.model.raster import Grid, Raster, RasterSums
from app.model.summing import CELL, ROOM, add_cells, fill_cells

CellArray = npt.NDArray[np.void]

_SUMS = tuple(name for name in CELL.names or () if name not in ("quantum", "block"))


@dataclass(frozen=True, slots=True)
class Summary:
    """Cells in order of quantum, then block; each pair at most once."""

    quantum_shift: int  # q: a quantum is 2^q ns
    block_shift: int  # k: a block is 2^k pages
    cells: CellArray


def summarise(
    changes: ChangeArray, events: EventArray, quantum_shift: int, block_shift: int
) -> Summary:
    """Add up the changes and conversions of a segment."""
    capacity = 1 << 13
    most = 2 * len(changes) + 3 * len(events)
    while True:
        cells = np.zeros(min(capacity, most) + ROOM, CELL)
        slots = np.full(4 * capacity, -1, np.int32)
        count = fill_cells(cells, slots, changes, events, quantum_shift, block_shift)
        if count >= 0:
            return Summary(quantum_shift, block_shift, _sorted(cells[:count]))
        capacity *= 4


def _sorted(cells: CellArray) -> CellArray:
    return cells[np.lexsort((cells["block"], cells["quantum"]))]


def merge(summaries: Sequence[Summary]) -> Summary:
    """One summary of several with the same shifts. Raises ValueError if those differ."""
    shifts = {(summary.quantum_shift, summary.block_shift) for summary in summaries}
    if len(shifts) != 1:
        raise ValueError("only summaries on the same grid can be merged")
    ((quantum_shift, block_shift),) = shifts
    cells = np.concatenate([summary.cells for summary in summaries])
    return Summary(quantum_shift, block_shift, _added_up(cells))


def _added_up(cells: CellArray) -> CellArray:
    """Make one of the cells with the same quantum and block; drop what adds up to nothing."""
    if len(cells) == 0:
        return cells
    cells = _sorted(cells)
    quantum, block = cells["quantum"], cells["block"]
    is_first = np.append(True, (quantum[1:] != quantum[:-1]) | (block[1:] != block[:-1]))
    starts = np.flatnonzero(is_first)
    result = cells[starts]
    for name in _SUMS:
        result[name] = np.add.reduceat(cells[name], starts, axis=0)
    is_something = np.zeros(len(result), np.bool_)
    for name in _SUMS:
        is_something |= result[name].reshape(len(result), -1).any(axis=1)
    return result[is_something]


def coarsen(summary: Summary, quanta: int, blocks: int) -> Summary:
    """The same on quanta 2^`quanta` times as long and blocks 2^`blocks` times as large."""
    cells, crossings = summary.cells.copy(), summary.cells.copy()
    for name in _SUMS:
        (cells if name == "crossings" else crossings)[name] = 0
    late = (cells["quantum"] & ((1 << quanta) - 1)) << summary.quantum_shift
    high = (cells["block"] & ((1 << blocks) - 1)) << summary.block_shift
    late, high = late[:, None], high[:, None]
    steps, gfns, times = (summary.cells[name] for name in ("steps", "gfns", "times"))
    cells["gfns"] += high * steps
    cells["times"] += late * steps
    cells["products"] += high * times.astype(np.float64) + late * gfns.astype(np.float64)
    cells["products"] += high.astype(np.float64) * late * steps
    cells["quantum"] >>= quanta
    cells["block"] >>= blocks
    # A conversion that crosses a fine border within a coarse block counts from the next on.
    crossings["quantum"] >>= quanta
    crossings["block"] = -(-crossings["block"] >> blocks)
    both = np.concatenate((cells, crossings[crossings["crossings"].any(axis=1)]))
    return Summary(summary.quantum_shift + quanta, summary.block_shift + blocks, _added_up(both))


def snap_grid(grid: Grid, quantum_shift: int, block_shift: int) -> Grid:
    """The nearest grid on borders of quanta and blocks: it covers all that `grid` does; columns
    and rows narrower than a quantum or a block are joined."""
    quantum, block = 1 << quantum_shift, np.uint64(1 << block_shift)
    edges = (grid.t_edges + quantum // 2) // quantum
    edges[0], edges[-1] = grid.t_edges[0] // quantum, -(-grid.t_edges[-1] // quantum)
    first = grid.row_first // block
    end = (grid.row_end + block - np.uint64(1)) // block
    touches_next = grid.row_end[:-1] == grid.row_first[1:]
    nearest = (grid.row_end[:-1] + block // np.uint64(2)) // block
    end[:-1] = np.where(touches_next, nearest, end[:-1])
    first[1:] = np.where(touches_next, nearest, first[1:])
    end = np.maximum.accumulate(end)
    first[1:] = np.maximum(first[1:], end[:-1])
    kept = first < end
    return Grid(np.unique(edges) * quantum, first[kept] * block, end[kept] * block)


def is_snapped(grid: Grid, quantum_shift: int, block_shift: int) -> bool:
    """Are all edges of the grid borders of quanta and blocks?"""
    late = grid.t_edges & ((1 << quantum_shift) - 1)
    high = (grid.row_first | grid.row_end) & np.uint64((1 << block_shift) - 1)
    return not late.any() and not high.any()


def rasterise_summaries(start: RunArray, summaries: Iterable[Summary], grid: Grid) -> Raster:
    """`raster.rasterise` from summaries of all that followed `start`, of any shifts.

    Raises ValueError unless the grid's edges are borders of their quanta and blocks.
    """
    sums = RasterSums(grid)
    sums.add_start(start)
    for summary in summaries:
        add_summary(sums, summary)
    return sums.finish()


def add_summary(sums: RasterSums, summary: Summary) -> None:
    """Add a segment's summary to a raster in the making.

    Raises ValueError unless the grid's edges are borders of its quanta and blocks.
    """
    if not is_snapped(sums.grid, summary.quantum_shift, summary.block_shift):
        raise ValueError("the grid's edges are not borders of the summary's quanta and blocks")
    add_cells(
        sums.within,
        sums.onward,
        sums.counts,
        sums.t_edges,
        sums.row_first,
        sums.row_end,
        summary.cells,
        summary.quantum_shift,
        summary.block_shift,
    )
