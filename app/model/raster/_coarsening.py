"""Summaries of many segments as one with longer quanta and higher blocks, and its part of a tile.

A cell's moments are those of its steps. They are moved with the corner that they are counted from,
so that a coarse cell is what summarising all the changes at once would make of it; products alone
are rounded, beyond 2^53.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import GFN_LIMIT
from app.model.raster._raster_sums import COUNTS, MEASURES, RETURNS, Row
from app.model.raster._summary import Summary, sorted_cells
from app.model.raster._summary_sums import CELL, ROOM, CellArray, CellTable, cell_at
from app.model.raster._timeline_summary import TimelineSummary

ZERO = constant(0)
_LASTING = ("steps", "times")
"""The moments that concern all pages above a cell."""


def coarsen(summaries: Sequence[Summary], quantum_shift: int, block_shift: int) -> Summary:
    """The summary that their changes and events together have.

    Raises ValueError if one has longer quanta or higher blocks than are wanted.
    """
    for one in summaries:
        if one.quantum_shift > quantum_shift or one.block_shift > block_shift:
            raise ValueError("a summary cannot be made finer")
    most = 2 * sum(len(one.cells) for one in summaries)  # a crossing may end in a block of its own
    capacity = 1 << 13
    while True:
        table = CellTable(
            cells=np.zeros(min(capacity, most) + ROOM, CELL),
            slots=np.full(4 * capacity, -1, np.int32),
            quantum_shift=quantum_shift,
            block_shift=block_shift,
        )
        count = ZERO
        for one in summaries:
            count = add_finer(table, count, one.cells, one.quantum_shift, one.block_shift)
            if count < 0:
                break
        else:
            return Summary(quantum_shift, block_shift, sorted_cells(table.cells[:count]))
        capacity *= 4


@hot_in_place
def add_finer(
    table: CellTable, count: int, cells: CellArray, quantum_shift: int, block_shift: int
) -> int:
    """Add finer cells; returns how many there are then, or -1 if there is no room for all."""
    dq, dk = table.quantum_shift - quantum_shift, table.block_shift - block_shift
    quanta, blocks = (1 << dq) - 1, (1 << dk) - 1
    for index in range(cells.size):
        if count + ROOM > table.cells.size:
            return -1
        cell = cells[index]
        at = cell_at(table, count, cell.quantum >> dq, cell.block >> dk)
        count = max(count, at + 1)
        late = (cell.quantum & quanta) << quantum_shift
        above = (cell.block & blocks) << block_shift
        move_moments(table.cells[at], cell, late, above)
        has_crossings = False
        for call in range(COUNTS):
            table.cells[at].starts[call] += cell.starts[call]
            has_crossings |= cell.crossings[call] != 0
        if has_crossings:
            # What reaches into a coarse block are all steps up to the first of its fine ones.
            at = cell_at(table, count, cell.quantum >> dq, (cell.block + blocks) >> dk)
            count = max(count, at + 1)
            for call in range(COUNTS):
                table.cells[at].crossings[call] += cell.crossings[call]
    return count


@hot_part
def move_moments(into: Row, cell: Row, late: int, above: int) -> None:
    """Add a cell's moments, counted from a corner that lies `above` pages and `late` ns before."""
    for measure in range(MEASURES):
        steps, gfns = cell.steps[measure], cell.gfns[measure]
        into.steps[measure] += steps
        into.gfns[measure] += gfns + steps * above
        if measure != RETURNS:
            times = cell.times[measure]
            into.times[measure] += times + steps * late
            moved = np.float64(above) * np.float64(times) + np.float64(late) * np.float64(gfns)
            moved += np.float64(steps * above) * np.float64(late)
            into.products[measure] += cell.products[measure] + moved


def tiles(summary: Summary, count: int) -> list[tuple[int, int]]:
    """Ranges of blocks that hold about as many cells each, no more than `count`; from block 0 to
    beyond the last that there may be."""
    at = np.linspace(0, len(summary.cells), count, endpoint=False).astype(np.intp)[1:]
    inner = np.unique(np.sort(summary.cells["block"])[at]) if len(summary.cells) else at
    borders = [0, *(int(border) for border in inner if border > 0)]
    end = (GFN_LIMIT >> summary.block_shift) + 1
    return list(pairwise([*borders, end]))


def tile_of(summary: Summary, first_block: int, end_block: int) -> Summary:
    """What a raster of these blocks needs: their cells, and for each quantum one cell in the block
    below that adds up what holds for all pages above, and who reaches across."""
    cells = summary.cells
    below, inside = cells["block"] < first_block, cells["block"] < end_block
    quanta, at = np.unique(cells["quantum"][below], return_inverse=True)
    carried = np.zeros(len(quanta), CELL)
    carried["quantum"], carried["block"] = quanta, first_block - 1
    for name in (*_LASTING, "crossings"):
        np.add.at(carried[name], at, cells[name][below])
    carried = carried[_has_any(carried)]
    both = np.concatenate([carried, cells[inside & ~below]])
    return Summary(summary.quantum_shift, summary.block_shift, sorted_cells(both))


def _has_any(carried: CellArray) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(carried), np.bool_)
    for name in (*_LASTING, "crossings"):
        found |= carried[name].any(axis=1)
    return found


def coarsen_timelines(summaries: Sequence[TimelineSummary], quantum_shift: int) -> TimelineSummary:
    """The counts of all of them, by longer quanta. Raises ValueError if one has longer ones."""
    if any(one.quantum_shift > quantum_shift for one in summaries):
        raise ValueError("a summary cannot be made finer")
    quanta = [one.quanta >> (quantum_shift - one.quantum_shift) for one in summaries]
    distinct, at = np.unique(np.concatenate(quanta), return_inverse=True)
    counts = np.concatenate([one.counts for one in summaries])
    sums = np.zeros((len(distinct), counts.shape[1]), counts.dtype)
    np.add.at(sums, at, counts)
    return TimelineSummary(quantum_shift, distinct, sums)
