"""What a segment keeps of its changes for zoomed-out views: sparse cells on a global aligned grid.

Quanta of 2^q ns and blocks of 2^k pages are counted from 0. A change is two steps (see
`_raster_sums`); a cell adds up the steps that begin in its quantum and block, with their moments:
how far into the block and the quantum they lie. From these a raster whose edges are multiples of
blocks and quanta follows exactly (sums of whole numbers; products beyond 2^53 are rounded), also
the time average within a quantum. Cells of all segments add up, whatever their shifts.

A return (see `app.model.stats`) is a run whose time does not matter, a mixed 2 MiB block a run of
its pages.

A conversion or page fault counts where it starts; `crossings` are steps of "how many of them reach
into this block from the one before", so that a row of any height counts each once.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray, EventArray
from app.model.raster._raster import ChurnSums, Grid, RasterSums
from app.model.raster._summary_sums import CELL, ROOM, CellTable, add_cells, fill_cells

CellArray = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Summary:
    """Cells in order of quantum, then block; each pair at most once."""

    quantum_shift: int  # q: a quantum is 2^q ns
    block_shift: int  # k: a block is 2^k pages
    cells: CellArray


def summarise(
    changes: ChangeArray, events: EventArray, quantum_shift: int, block_shift: int
) -> Summary:
    """Add up the changes, conversions and page faults of a segment."""
    capacity = 1 << 13
    most = 4 * len(changes) + 3 * len(events)
    while True:
        table = CellTable(
            cells=np.zeros(min(capacity, most) + ROOM, CELL),
            slots=np.full(4 * capacity, -1, np.int32),
            quantum_shift=quantum_shift,
            block_shift=block_shift,
        )
        count = fill_cells(table, changes, events)
        if count >= 0:
            return Summary(quantum_shift, block_shift, sorted_cells(table.cells[:count]))
        capacity *= 4


def sorted_cells(cells: CellArray) -> CellArray:
    return cells[np.lexsort((cells["block"], cells["quantum"]))]


def is_snapped(grid: Grid, quantum_shift: int, block_shift: int) -> bool:
    """Are all edges of the grid borders of quanta and blocks?"""
    late = grid.t_edges & ((1 << quantum_shift) - 1)
    high = (grid.row_first | grid.row_end) & np.uint64((1 << block_shift) - 1)
    return not late.any() and not high.any()


def add_summary(sums: RasterSums | ChurnSums, summary: Summary) -> None:
    """Add a segment's summary to a raster in the making.

    Raises ValueError unless the grid's edges are borders of its quanta and blocks.
    """
    if not is_snapped(sums.grid, summary.quantum_shift, summary.block_shift):
        raise ValueError("the grid's edges are not borders of the summary's quanta and blocks")
    add_cells(sums.arrays, summary.cells, summary.quantum_shift, summary.block_shift)
