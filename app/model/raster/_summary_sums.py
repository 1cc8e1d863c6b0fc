"""The compiled loops of summaries: changes into cells, cells into the sums of a raster."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, mixed, signed, slot_of
from app.model.events import ChangeArray, EventArray
from app.model.guest import GFN_LIMIT, EventKind
from app.model.pagemap import BLOCK_SHIFT, effect
from app.model.raster._raster_sums import (
    CALLS,
    COUNTS,
    FAULTS,
    LATE,
    MEASURES,
    MIXED,
    PAGES,
    RETURNS,
    RasterArrays,
    Row,
    column_near,
    is_counted,
    is_marked,
    row_at,
    sign_of,
)

CELL = np.dtype(
    [
        ("quantum", "<i8"),
        ("block", "<i8"),
        ("steps", "<i8", (MEASURES,)),  # sum of signs, by measure
        ("gfns", "<i8", (MEASURES,)),  # of sign x pages into the block
        ("times", "<i8", (MEASURES,)),  # of sign x ns into the quantum
        ("products", "<f8", (MEASURES,)),  # of sign x pages x ns
        ("starts", "<i4", (COUNTS,)),  # conversions and page faults that begin here
        ("crossings", "<i4", (COUNTS,)),
    ]
)

ZERO = constant(0)
ROOM = 4
"""Cells that must be free before anything is added: a change may make as many."""

OF_PAGES, OF_BLOCKS = (0, MIXED), (MIXED, MEASURES)
"""The first measure, and the end, of those that concern a change's pages, or its last block."""

CellArray = npt.NDArray[np.void]
Slots = npt.NDArray[np.int32]
"""A hash table of cell numbers, -1 where free."""
Measures = tuple[int, int]


class CellTable(NamedTuple):
    """The cells of a summary in the making."""

    cells: CellArray
    slots: Slots
    quantum_shift: int
    block_shift: int


class Spot(NamedTuple):
    """Where a cell begins in a raster: `above` pages below its row's end (0: it lies below the
    row) and `late` ns into its column (-1: it lies before it)."""

    row: int
    column: int
    above: int
    late: int


@hot_part
def cell_at(table: CellTable, count: int, quantum: int, block: int) -> int:
    """The number of the cell, `count` if it had to be made."""
    cells, slots, key = table.cells, table.slots, (quantum, block)
    slot = slot_of(is_place, table, slots.size, mixed(quantum, block), key)
    if slots[slot] >= 0:
        return int(slots[slot])
    slots[slot] = count
    cells[count].quantum = quantum
    cells[count].block = block
    return count


@hot_part
def is_place(table: CellTable, slot: int, key: tuple[int, int]) -> bool:
    if table.slots[slot] < 0:
        return True
    cell = table.cells[table.slots[slot]]
    return bool(cell.quantum == key[0] and cell.block == key[1])


@hot_in_place
def fill_cells(table: CellTable, changes: ChangeArray, events: EventArray) -> int:
    """Fill zeroed cells; returns how many, or -1 if there were too few."""
    count = ZERO
    for index in range(changes.size):
        if count + ROOM > table.cells.size:
            return -1
        change = changes[index]
        first = signed(change.gfn)
        end = first + signed(change.npages)
        if change.in_memslot:
            count = add_run(table, count, change, OF_PAGES, first, end)
        if change.mixed_delta != 0:
            first = (end - 1) >> BLOCK_SHIFT << BLOCK_SHIFT
            end = first + (1 << BLOCK_SHIFT)
            count = add_run(table, count, change, OF_BLOCKS, first, end)
    for index in range(events.size):
        if count + ROOM > table.cells.size:
            return -1
        if is_counted(events[index]):
            count = add_event(table, count, events, index)
    return count


@hot_part
def add_run(
    table: CellTable, count: int, change: Row, measures: Measures, first: int, end: int
) -> int:
    """Add the two steps of a run, in some measures. Returns the new count of cells."""
    count = add_step(table, count, change, measures, first, 1)
    return int(add_step(table, count, change, measures, end, -1))


@hot_part
def add_step(
    table: CellTable, count: int, change: Row, measures: Measures, gfn: int, sign: int
) -> int:
    cells, t = table.cells, change.t
    at = cell_at(table, count, t >> table.quantum_shift, gfn >> table.block_shift)
    late, above = t & ((1 << table.quantum_shift) - 1), gfn & ((1 << table.block_shift) - 1)
    for measure in range(measures[0], measures[1]):
        step = sign * sign_of(change, measure)
        if step == 0:
            continue
        cells[at].steps[measure] += step
        cells[at].gfns[measure] += step * above
        if measure != RETURNS:
            cells[at].times[measure] += step * late
            cells[at].products[measure] += np.float64(step * above) * late
    return max(count, at + 1)


@hot_part
def add_event(table: CellTable, count: int, events: EventArray, index: int) -> int:
    """Add a conversion or a page fault. Returns the new count of cells."""
    cells, event = table.cells, events[index]
    quantum = effect(events, index) >> table.quantum_shift
    first = signed(event.gfn)
    last = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first))) - 1
    first_block, last_block = first >> table.block_shift, last >> table.block_shift
    which = CALLS if event.kind == EventKind.CONVERSION else FAULTS
    marked = signed(is_marked(event))
    at = cell_at(table, count, quantum, first_block)
    count = max(count, at + 1)
    cells[at].starts[which] += 1
    cells[at].starts[which + 1] += marked
    if last_block > first_block:
        at = cell_at(table, count, quantum, first_block + 1)
        count = max(count, at + 1)
        cells[at].crossings[which] += 1
        cells[at].crossings[which + 1] += marked
        at = cell_at(table, count, quantum, last_block + 1)
        count = max(count, at + 1)
        cells[at].crossings[which] -= 1
        cells[at].crossings[which + 1] -= marked
    return count


@hot_in_place
def add_cells(arrays: RasterArrays, cells: CellArray, quantum_shift: int, block_shift: int) -> None:
    """Add cells whose quanta and blocks no edge of the grid divides."""
    t_edges, row_first, row_end = arrays.t_edges, arrays.row_first, arrays.row_end
    column = ZERO
    for index in range(cells.size):
        cell = cells[index]
        t, gfn = cell.quantum << quantum_shift, cell.block << block_shift
        column = column_near(t_edges, t, column)
        row = row_at(row_end, gfn)
        if column == t_edges.size - 1 or row == row_end.size:
            continue
        if column >= 0:
            count_cell(arrays, cell, row, column, gfn)
        above = row_end[row] - gfn if gfn >= row_first[row] else ZERO
        late = t - t_edges[column] if column >= 0 else signed(-1)
        spot = Spot(max(row, 0), max(column, 0), above, late)
        for plane in range(arrays.planes.size):
            if arrays.planes[plane] != RETURNS or column >= 0:
                add_moments(arrays, cell, spot, plane)


@hot_part
def add_moments(arrays: RasterArrays, cell: Row, spot: Spot, plane: int) -> None:
    """Add what a cell holds of a plane's measure."""
    within, onward, measure = arrays.within, arrays.onward, arrays.planes[plane]
    steps, gfns = np.float64(cell.steps[measure]), np.float64(cell.gfns[measure])
    times, product = np.float64(cell.times[measure]), cell.products[measure]
    row, column, late = spot.row, spot.column, spot.late
    if spot.above > 0:
        pages = spot.above * steps - gfns
        within[row, column, plane, PAGES] += pages
        if late >= 0:
            within[row, column, plane, LATE] += late * pages + spot.above * times - product
        row += 1
    onward[row, column, plane, PAGES] += steps
    if late >= 0:
        onward[row, column, plane, LATE] += late * steps + times


@hot_part
def count_cell(arrays: RasterArrays, cell: Row, row: int, column: int, gfn: int) -> None:
    counts, first = arrays.counts, arrays.row_first[row]
    for call in range(COUNTS):
        if gfn >= first:
            counts[row, column, call] += cell.starts[call]
            counts[row + 1, column, call] -= cell.starts[call]
        reached = row + 1 if gfn > first else row
        counts[reached, column, call] += cell.crossings[call]
