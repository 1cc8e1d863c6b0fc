"""The time x gpa map: its cells, its measures, and its picture as palette indices.

A window becomes a grid without the holes between memslots, the reader sums changes into its cells,
and each cell's numbers become an index of the palette that scripts and style sheets share.
"""

from app.queries.maps._cell_table import CELLS, cell_batches
from app.queries.maps._cells import CellView, cell_at
from app.queries.maps._map_layout import MapLayout, MapQuery, map_layout, with_times
from app.queries.maps._measures import most, open_columns, unplaced_in, why_not
from app.queries.maps._palette import RAMP, RAMP_STEPS, Theme, palette
from app.queries.maps._raster_image import EMPTY_PNG, Measure, raster_png
from app.queries.maps._rasters import Rasters
from app.queries.maps._time_axis import edges_of, interval_of

__all__ = [
    "CELLS",
    "EMPTY_PNG",
    "RAMP",
    "RAMP_STEPS",
    "CellView",
    "MapLayout",
    "MapQuery",
    "Measure",
    "Rasters",
    "Theme",
    "cell_at",
    "cell_batches",
    "edges_of",
    "interval_of",
    "map_layout",
    "most",
    "open_columns",
    "palette",
    "raster_png",
    "unplaced_in",
    "why_not",
    "with_times",
]
