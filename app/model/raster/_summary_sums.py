"""The compiled loops of summaries: changes into cells, cells into the sums of a raster."""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, mixed, signed, slot_of
from app.model.events import ChangeArray, EventArray
from app.model.guest import GFN_LIMIT
from app.model.pagemap import BLOCK_SHIFT, effect
from app.model.raster._raster_sums import (
    CALLS,
    CONVERSION,
    COUNTS,
    FAULTS,
    LATE,
    MEASURES,
    MIXED,
    PAGES,
    RETURNS,
    Counts,
    Gfns,
    Planes,
    Sums,
    Times,
    column_at,
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
ONE = constant(1)

ROOM = 4
"""Cells that must be free before anything is added: a change may make as many."""

CellArray = npt.NDArray[np.void]
Slots = npt.NDArray[np.int32]
"""A hash table of cell numbers, -1 where free."""
Shifts = tuple[int, int]
"""Of a quantum and of a block."""


@hot_part
def cell_at(cells: CellArray, slots: Slots, count: int, quantum: int, block: int) -> int:
    """The number of the cell, `count` if it had to be made."""
    table, key = (slots, cells), (quantum, block)
    slot = slot_of(is_place, table, slots.size, mixed(quantum, block), key)
    if slots[slot] >= 0:
        return int(slots[slot])
    slots[slot] = count
    cells[count].quantum = quantum
    cells[count].block = block
    return count


@hot_part
def is_place(table: tuple[Slots, CellArray], slot: int, key: tuple[int, int]) -> bool:
    slots, cells = table
    if slots[slot] < 0:
        return True
    cell = cells[slots[slot]]
    return bool(cell.quantum == key[0] and cell.block == key[1])


@hot_in_place
def fill_cells(
    cells: CellArray,
    slots: Slots,
    changes: ChangeArray,
    events: EventArray,
    quantum_shift: int,
    block_shift: int,
) -> int:
    """Fill zeroed cells; returns how many, or -1 if there were too few."""
    count = ZERO
    for index in range(changes.size):
        if count + ROOM > cells.size:
            return -1
        shifts = (quantum_shift, block_shift)
        end = signed(changes[index].gfn) + signed(changes[index].npages)
        if changes[index].in_memslot:
            first, last = signed(changes[index].gfn), MIXED
            count = add_run(cells, slots, count, changes, index, shifts, ZERO, last, first, end)
        if changes[index].mixed_delta != 0:
            first = (end - 1) >> BLOCK_SHIFT << BLOCK_SHIFT
            end = first + (1 << BLOCK_SHIFT)
            count = add_run(
                cells, slots, count, changes, index, shifts, MIXED, MEASURES, first, end
            )
    for index in range(events.size):
        if count + ROOM > cells.size:
            return -1
        if is_counted(events, index):
            count = add_event(cells, slots, count, events, index, quantum_shift, block_shift)
    return count


@hot_part
def add_run(
    cells: CellArray,
    slots: Slots,
    count: int,
    changes: ChangeArray,
    index: int,
    shifts: Shifts,
    low: int,
    high: int,
    first: int,
    end: int,
) -> int:
    """Add the two steps of a run, in the measures [low, high). Returns the new count of cells."""
    count = add_step(cells, slots, count, changes, index, shifts, low, high, first, ONE)
    return int(add_step(cells, slots, count, changes, index, shifts, low, high, end, -ONE))


@hot_part
def add_step(
    cells: CellArray,
    slots: Slots,
    count: int,
    changes: ChangeArray,
    index: int,
    shifts: Shifts,
    low: int,
    high: int,
    gfn: int,
    sign: int,
) -> int:
    quantum_shift, block_shift = shifts
    t = changes[index].t
    at = cell_at(cells, slots, count, t >> quantum_shift, gfn >> block_shift)
    late, above = t & ((1 << quantum_shift) - 1), gfn & ((1 << block_shift) - 1)
    for measure in range(low, high):
        step = sign * sign_of(changes, index, measure)
        if step == 0:
            continue
        cells[at].steps[measure] += step
        cells[at].gfns[measure] += step * above
        if measure != RETURNS:
            cells[at].times[measure] += step * late
            cells[at].products[measure] += np.float64(step * above) * late
    return max(count, at + 1)


@hot_part
def add_event(
    cells: CellArray,
    slots: Slots,
    count: int,
    events: EventArray,
    index: int,
    quantum_shift: int,
    block_shift: int,
) -> int:
    """Add a conversion or a page fault. Returns the new count of cells."""
    event = events[index]
    quantum = effect(events, index) >> quantum_shift
    first = signed(event.gfn)
    last = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first))) - 1
    first_block, last_block = first >> block_shift, last >> block_shift
    which = CALLS if event.kind == CONVERSION else FAULTS
    marked = signed(is_marked(events, index))
    at = cell_at(cells, slots, count, quantum, first_block)
    count = max(count, at + 1)
    cells[at].starts[which] += 1
    cells[at].starts[which + 1] += marked
    if last_block > first_block:
        at = cell_at(cells, slots, count, quantum, first_block + 1)
        count = max(count, at + 1)
        cells[at].crossings[which] += 1
        cells[at].crossings[which + 1] += marked
        at = cell_at(cells, slots, count, quantum, last_block + 1)
        count = max(count, at + 1)
        cells[at].crossings[which] -= 1
        cells[at].crossings[which + 1] -= marked
    return count


@hot_in_place
def add_cells(
    within: Sums,
    onward: Sums,
    counts: Counts,
    t_edges: Times,
    row_first: Gfns,
    row_end: Gfns,
    planes: Planes,
    cells: CellArray,
    quantum_shift: int,
    block_shift: int,
) -> None:
    """Add cells whose quanta and blocks no edge of the grid divides."""
    column = ZERO
    for index in range(cells.size):
        t, gfn = cells[index].quantum << quantum_shift, cells[index].block << block_shift
        column = column_at(t_edges, t, min(max(column, 0), t_edges.size - 2))
        row = row_at(row_end, gfn)
        if column == t_edges.size - 1 or row == row_end.size:
            continue
        is_inside = gfn >= row_first[row]
        if column >= 0:
            count_cell(counts, row_first, row, column, gfn, cells, index)
        for plane in range(planes.size):
            if planes[plane] == RETURNS and column < 0:
                continue
            add_moments(
                within,
                onward,
                max(row, 0),
                max(column, 0),
                plane,
                planes[plane],
                row_end[row] - gfn if is_inside else ZERO,
                t - t_edges[column] if column >= 0 else -ONE,
                cells,
                index,
            )


@hot_part
def add_moments(
    within: Sums,
    onward: Sums,
    row: int,
    column: int,
    plane: int,
    measure: int,
    above: int,
    late: int,
    cells: CellArray,
    index: int,
) -> None:
    """Add a cell that begins `above` pages below the row's end (0: it lies below the row) and
    `late` ns into the column (-1: it lies before it)."""
    steps = np.float64(cells[index].steps[measure])
    gfns = np.float64(cells[index].gfns[measure])
    times = np.float64(cells[index].times[measure])
    product = cells[index].products[measure]
    if above > 0:
        pages = above * steps - gfns
        within[row, column, plane, PAGES] += pages
        if late >= 0:
            within[row, column, plane, LATE] += late * pages + above * times - product
        row += 1
    onward[row, column, plane, PAGES] += steps
    if late >= 0:
        onward[row, column, plane, LATE] += late * steps + times


@hot_part
def count_cell(
    counts: Counts,
    row_first: Gfns,
    row: int,
    column: int,
    gfn: int,
    cells: CellArray,
    index: int,
) -> None:
    for call in range(COUNTS):
        if gfn >= row_first[row]:
            counts[row, column, call] += cells[index].starts[call]
            counts[row + 1, column, call] -= cells[index].starts[call]
        reached = row + 1 if gfn > row_first[row] else row
        counts[reached, column, call] += cells[index].crossings[call]
