"""The cells of a map as rows of a table."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.raster import Churn, Grid, Raster
from app.queries.maps._map_layout import MapLayout

Ints = npt.NDArray[np.int64]
CELLS = pa.schema(
    [
        ("t_from", pa.int64()),
        ("t_to", pa.int64()),
        ("gfn", pa.uint64()),
        ("npages", pa.uint64()),
        ("present", pa.float32()),
        ("private", pa.float32()),
        ("unknown", pa.float32()),
        ("conversions", pa.uint32()),
        ("failed", pa.uint32()),
        ("page_faults", pa.uint32()),
        ("private_faults", pa.uint32()),
        ("returns", pa.int64()),
        ("mixed", pa.float32()),
    ]
)
BATCH_CELLS = 1 << 15
"""Enough that a batch costs no more than its rows, few enough to be sent while more are made."""


def cell_batches(
    layout: MapLayout,
    raster: Raster | None,
    churn: Churn | None,
    unplaced: Ints,
    *,
    has_faults: bool,
) -> Iterator[pa.RecordBatch]:
    """The cells that hold anything, lowest gfn first, some rows of the map at a time. `unplaced`
    [W]: conversions of unknown range, by column; `has_faults`: page faults are recorded.

    Fractions are of a cell's pages, averaged over its time. Null: not kept, or none is known where
    there may have been some.
    """
    if raster is None:
        return
    grid, rows = layout.grid(), max(1, BATCH_CELLS // layout.width)
    for first in range(0, layout.height, rows):
        part = slice(first, first + rows)
        holds = (raster.present[part] > 0) | (raster.conversions[part] > 0)
        row, column = np.nonzero(holds | (raster.page_faults[part] > 0))
        where = (row + first, column)
        columns = {
            **_places(grid, where),
            **_contents(raster, where, unplaced, has_faults=has_faults),
            **_churn(raster, churn, where),
        }
        yield pa.RecordBatch.from_arrays(
            [pa.array(columns[field.name]).cast(field.type) for field in CELLS], schema=CELLS
        )


Columns = dict[str, Any]
Where = tuple[Ints, Ints]
"""Rows and columns of the map, a cell each."""


def _places(grid: Grid, where: Where) -> Columns:
    row, column = where
    return {
        "t_from": grid.t_edges[column],
        "t_to": grid.t_edges[column + 1],
        "gfn": grid.row_first[row],
        "npages": (grid.row_end - grid.row_first)[row],
    }


def _contents(raster: Raster, where: Where, unplaced: Ints, *, has_faults: bool) -> Columns:
    is_open, faults = unplaced[where[1]] > 0, raster.page_faults[where]
    nulls = pa.nulls(len(faults))
    private_faults = _known(raster.private_faults[where], faults > 0)
    return {
        "present": raster.present[where],
        "private": raster.private[where],
        "unknown": raster.unknown[where],
        "conversions": _known(raster.conversions[where], is_open),
        "failed": _known(raster.failed[where], is_open),
        "page_faults": faults if has_faults else nulls,
        "private_faults": private_faults if has_faults else nulls,
    }


def _churn(raster: Raster, churn: Churn | None, where: Where) -> Columns:
    """Nulls if the VM's was not kept."""
    has_unknown = raster.unknown[where] > 0
    if churn is None:
        return dict.fromkeys(("returns", "mixed"), pa.nulls(len(has_unknown)))
    return {
        "returns": _known(churn.returns[where], has_unknown),
        "mixed": _known(churn.mixed[where], has_unknown),
    }


def _known(counts: npt.NDArray[Any], is_open: npt.NDArray[np.bool_]) -> pa.Array:
    """Without what excludes nothing: that there were at least 0."""
    return pa.array(counts, mask=is_open & (counts == 0))
