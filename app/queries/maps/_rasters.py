"""The time x gpa map: which cells it has, and what is in them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.guest import GFN_LIMIT
from app.model.raster import Band, Churn, Grid, Raster, Stretch, bands, covered, row_ranges, touched
from app.queries.figures import row_id
from app.queries.maps._raster_image import Measure
from app.queries.maps._time_axis import edges_of, interval_of
from app.store.read import Reader, has_churn
from app.store.schema import Vm
from app.store.segments import ByteCache

CACHE_BYTES = 64 << 20
"""A few maps of 1000 x 512 cells: the picture is asked for right after its edges."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MapQuery:
    """What part of a VM to draw, on how many cells at most. None stands for no bound."""

    from_t: int | None
    to_t: int | None
    first_gfn: int | None
    end_gfn: int | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MapLayout:
    """The cells of a map: columns of time, rows of gfns. Rows count from the lowest gfn."""

    t_edges: tuple[int, ...]
    bands: tuple[Band, ...]  # none: no memslot was there
    row_first: tuple[int, ...]  # gfns, exactly; the bands' even division is close to them
    row_end: tuple[int, ...]

    @property
    def from_t(self) -> int:
        return self.t_edges[0]

    @property
    def to_t(self) -> int:
        return self.t_edges[-1]

    @property
    def width(self) -> int:
        return len(self.t_edges) - 1

    @property
    def height(self) -> int:
        return self.bands[-1].row_end if self.bands else 0

    @property
    def pages(self) -> int:
        """How many pages all rows have."""
        return sum(band.end_gfn - band.first_gfn for band in self.bands)

    def row_of(self, gfn: int) -> int | None:
        """The row in which a gfn lies; None if none does."""
        row = bisect_right(self.row_end, gfn)
        return row if row < len(self.row_end) and self.row_first[row] <= gfn else None

    def grid(self) -> Grid:
        """Raises ValueError if there are no rows."""
        return Grid(
            np.array(self.t_edges, np.int64),
            np.array(self.row_first, np.uint64),
            np.array(self.row_end, np.uint64),
        )


def with_times(reader: Reader, vm: Vm, query: MapQuery) -> MapQuery:
    """The same query with the interval that it means, for asking it again later."""
    from_t, to_t = interval_of(reader, row_id(vm), query.from_t, query.to_t)
    return replace(query, from_t=from_t, to_t=to_t)


def map_layout(reader: Reader, vm: Vm, query: MapQuery) -> MapLayout:
    """Choose the cells: no more than asked for, none narrower than 1 ns or lower than a page.

    In wide windows their edges are those that the store can draw fast (`Reader.fit`).
    """
    from_t, to_t = interval_of(reader, row_id(vm), query.from_t, query.to_t)
    drawn = bands(
        ranges_drawn(reader, vm, from_t, to_t),
        first_gfn=query.first_gfn or 0,
        end_gfn=GFN_LIMIT if query.end_gfn is None else query.end_gfn,
        height=query.height,
    )
    edges = edges_of(from_t, to_t, query.width)
    if not drawn:
        return MapLayout(tuple(edges.tolist()), (), (), ())
    grid = reader.fit(row_id(vm), Grid(edges, *row_ranges(drawn)))
    return MapLayout(
        tuple(grid.t_edges.tolist()),
        tuple(drawn),
        tuple(grid.row_first.tolist()),
        tuple(grid.row_end.tolist()),
    )


def ranges_drawn(reader: Reader, vm: Vm, from_t: int, to_t: int) -> Sequence[Stretch]:
    """What memslots covered in that time; without any known, the pages conversions named."""
    if vm.layout_is_known:
        return covered(reader.memslots(row_id(vm)), from_t, to_t)
    return touched(reader.page_map_at(row_id(vm), to_t - 1).runs())


class Rasters:
    """Draws maps, and keeps the last ones: a picture is asked for right after its edges."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._cache = ByteCache(CACHE_BYTES)

    def draw(self, vm: Vm, layout: MapLayout) -> Raster | None:
        """What is in the cells; None if there are none."""
        if not layout.bands:
            return None
        return self._cache.get(
            (row_id(vm), vm.revision, layout),
            lambda: self._reader.raster(row_id(vm), layout.grid()),
            size_of,
        )

    def draw_churn(self, vm: Vm, layout: MapLayout) -> Churn | None:
        """As `draw`; None also if the VM's was not kept."""
        if not layout.bands or not has_churn(vm):
            return None
        return self._cache.get(
            (row_id(vm), vm.revision, layout, "churn"),
            lambda: self._reader.churn(row_id(vm), layout.grid()),
            size_of,
        )

    def draw_measure(self, vm: Vm, layout: MapLayout, measure: Measure) -> Raster | Churn | None:
        """What a picture of the measure needs; of a churn that was not kept, where memory was."""
        churn = self.draw_churn(vm, layout) if measure.is_churn else None
        return self.draw(vm, layout) if churn is None else churn


def size_of(raster: Raster | Churn) -> int:
    return sum(getattr(raster, field.name).nbytes for field in fields(raster))


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
    grid = layout.grid()
    pages = grid.row_end - grid.row_first
    rows = max(1, BATCH_CELLS // layout.width)
    for first in range(0, layout.height, rows):
        part = slice(first, first + rows)
        holds = (raster.present[part] > 0) | (raster.conversions[part] > 0)
        row, column = np.nonzero(holds | (raster.page_faults[part] > 0))
        row += first
        where = (row, column)
        is_open, has_unknown = unplaced[column] > 0, raster.unknown[where] > 0
        faults = raster.page_faults[where]
        nulls = pa.nulls(len(row))
        columns = {
            "t_from": grid.t_edges[column],
            "t_to": grid.t_edges[column + 1],
            "gfn": grid.row_first[row],
            "npages": pages[row],
            "present": raster.present[where],
            "private": raster.private[where],
            "unknown": raster.unknown[where],
            "conversions": _known(raster.conversions[where], is_open),
            "failed": _known(raster.failed[where], is_open),
            "page_faults": faults if has_faults else nulls,
            "private_faults": _known(raster.private_faults[where], faults > 0),
            "returns": nulls if churn is None else _known(churn.returns[where], has_unknown),
            "mixed": nulls if churn is None else _known(churn.mixed[where], has_unknown),
        }
        if not has_faults:
            columns["private_faults"] = nulls
        yield pa.RecordBatch.from_arrays(
            [pa.array(columns[field.name]).cast(field.type) for field in CELLS], schema=CELLS
        )


def _known(counts: npt.NDArray[Any], is_open: npt.NDArray[np.bool_]) -> pa.Array:
    """Without what excludes nothing: that there were at least 0."""
    return pa.array(counts, mask=is_open & (counts == 0))
