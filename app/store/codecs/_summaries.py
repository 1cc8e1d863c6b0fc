"""What a sealed segment keeps for zoomed-out views, to blobs and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.model.events import ChangeArray, EventArray
from app.model.raster import (
    CELL,
    COUNTS,
    FIELDS,
    MEASURES,
    Summary,
    TimelineSummary,
    summarise,
    summarise_timeline,
)
from app.store.codecs._arrow import Signed, join, read_batch, split, unzigzag, write_batch, zigzag
from app.store.codecs._border import check_blocks, check_quanta

QUANTA = 64
"""A segment is divided into more than half as many quanta, and at most one more."""
BLOCKS = 1 << 12
"""A VM's memory is divided into more than half as many blocks, and at most one more."""
_EXACT = 2.0**62
_AREA_BITS = 40
_MOMENTS = ("steps", "gfns", "times", "products")
_COUNTED = ("starts", "crossings")
_VECTORS = (*_MOMENTS, *_COUNTED)


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    cells: Summary
    timeline: TimelineSummary

    @property
    def is_storable(self) -> bool:
        """Products are kept as whole numbers, which they are; but they may be enormous."""
        return bool((np.abs(self.cells.cells["products"]) < _EXACT).all())


def summarise_segment(
    changes: ChangeArray, events: EventArray, times: tuple[int, int], pages: int
) -> SegmentSummary:
    """Summarise a segment between two times of a VM of so many pages."""
    quantum_shift = ((times[1] - times[0]) // QUANTA).bit_length()
    block_shift = (pages // BLOCKS).bit_length()
    return SegmentSummary(
        summarise(changes, events, quantum_shift, block_shift),
        summarise_timeline(changes, events, quantum_shift),
    )


def product_shift_of(quantum_shift: int, block_shift: int) -> int:
    """Products of coarse cells are kept in units of 2^so many page-ns, so that a cell's area has
    2^_AREA_BITS of them: a share of it is then off by less than a float32 can tell."""
    return max(0, quantum_shift + block_shift - _AREA_BITS)


def encode_summary(summary: SegmentSummary) -> tuple[bytes, bytes]:
    """The blobs of the cells and of the timeline."""
    return encode_cells(summary.cells), encode_timeline(summary.timeline)


def encode_cells(summary: Summary, product_shift: int = 0) -> bytes:
    cells = summary.cells
    if product_shift:
        cells = cells.copy()
        cells["products"] = np.rint(np.ldexp(cells["products"], -product_shift))
    columns = split("quantum_step", np.diff(cells["quantum"], prepend=0))
    columns |= split("block", cells["block"])
    for name in _VECTORS:
        for i in range(cells[name].shape[1]):
            # Many a measure never changes in a segment; a column of zeros is left out.
            if cells[name][:, i].any():
                columns |= split(f"{name}_{i}", zigzag(cells[name][:, i]))
    return write_batch(columns)


def encode_timeline(timeline: TimelineSummary) -> bytes:
    counts = split("quantum_step", np.diff(timeline.quanta, prepend=0))
    for i, field in enumerate(FIELDS):
        counts |= split(field, zigzag(timeline.counts[:, i]))
    return write_batch(counts)


class CellForm(NamedTuple):
    """How the cells of a blob are to be read."""

    quantum_shift: int
    block_shift: int
    product_shift: int = 0


def decode_cells(
    blob: bytes, form: CellForm, measures: Iterable[int] = range(MEASURES), *, counts: bool = True
) -> Summary:
    """With some measures only, and with counts or without: the rest is zero."""
    wanted = [f"{name}_{i}" for name in _MOMENTS for i in measures]
    wanted += [f"{name}_{i}" for name in _COUNTED for i in range(COUNTS) if counts]
    batch = read_batch(blob, ("quantum_step", "block", *wanted))
    cells = np.zeros(batch.num_rows, dtype=CELL)
    cells["quantum"] = np.cumsum(join(batch, "quantum_step").view(np.int64))
    cells["block"] = join(batch, "block")
    check_quanta(cells["quantum"], form.quantum_shift)
    check_blocks(cells["block"], form.block_shift)
    present = {field.partition(".")[0] for field in batch.schema.names}
    for name in _VECTORS:
        for i in range(cells[name].shape[1]):
            if f"{name}_{i}" in present:
                cells[name][:, i] = unzigzag(join(batch, f"{name}_{i}"))
    if form.product_shift:
        np.ldexp(cells["products"], form.product_shift, out=cells["products"])
    return Summary(form.quantum_shift, form.block_shift, cells)


def decode_timeline(blob: bytes, quantum_shift: int) -> TimelineSummary | None:
    """None if it was written by a gmemscope that counted less."""
    batch = read_batch(blob)
    if not {field.partition(".")[0] for field in batch.schema.names}.issuperset(FIELDS):
        return None
    columns: list[Signed] = [unzigzag(join(batch, field)) for field in FIELDS]
    quanta = np.cumsum(join(batch, "quantum_step").view(np.int64))
    check_quanta(quanta, quantum_shift)
    return TimelineSummary(
        quantum_shift,
        quanta,
        np.ascontiguousarray(np.stack(columns, axis=1)),
    )
