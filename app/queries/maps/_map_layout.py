"""Which cells a map has: columns of time, rows of the addresses that memslots cover."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.model.events import Window
from app.model.guest import GFN_LIMIT
from app.model.intervals import Interval
from app.model.raster import Band, Grid, bands, covered, row_ranges, touched
from app.queries.figures import row_id
from app.queries.maps._time_axis import edges_of, interval_of
from app.store.read import Reader
from app.store.schema import Vm


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
    ranges = ranges_drawn(reader, vm, from_t, to_t)
    first_gfn = query.first_gfn or 0
    end_gfn = GFN_LIMIT if query.end_gfn is None else query.end_gfn
    drawn = bands(ranges, first_gfn=first_gfn, end_gfn=end_gfn, height=query.height)
    edges = edges_of(from_t, to_t, query.width)
    if drawn:
        window = Window(from_t, to_t, drawn[0].first_gfn, drawn[-1].end_gfn)
        lowest = reader.lowest_row(row_id(vm), window, len(edges) - 1, query.height)
        height = sum(band.end_gfn - band.first_gfn for band in drawn) // lowest
        if height < query.height:
            drawn = bands(ranges, first_gfn=first_gfn, end_gfn=end_gfn, height=height)
    if not drawn:
        return MapLayout(tuple(edges.tolist()), (), (), ())
    grid = reader.fit(row_id(vm), Grid(edges, *row_ranges(drawn)))
    return MapLayout(
        tuple(grid.t_edges.tolist()),
        tuple(drawn),
        tuple(grid.row_first.tolist()),
        tuple(grid.row_end.tolist()),
    )


def ranges_drawn(reader: Reader, vm: Vm, from_t: int, to_t: int) -> Sequence[Interval]:
    """What memslots covered in that time; without any known, the pages conversions named."""
    if vm.layout_is_known:
        return covered(reader.memslots(row_id(vm)), from_t, to_t)
    return touched(reader.page_map_at(row_id(vm), to_t - 1).runs())
