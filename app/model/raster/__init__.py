"""Time x gfn pictures and timelines: changes and events summed into cells.

Sums are additive: a segment keeps those of an aligned grid (`_summary`, `_timeline_summary`), and a
wide window adds summaries where a narrow one adds changes. Summaries of many segments become one
coarser summary of as few cells (`_coarsening`), for windows however wide.
"""

from app.model.raster._address_axis import Band, bands, covered, row_ranges, touched
from app.model.raster._coarsening import coarsen, coarsen_timelines, tile_of, tiles
from app.model.raster._raster import NO_BLOCKS, Churn, ChurnSums, Grid, Raster, RasterSums
from app.model.raster._raster_sums import COUNTS, MEASURES, MIXED, Times, column_near
from app.model.raster._summary import Summary, add_summary, summarise
from app.model.raster._summary_sums import CELL
from app.model.raster._timeline import (
    FIELDS,
    NOOP,
    PAGES_TO_PRIVATE,
    PAGES_TO_SHARED,
    PRIVATE,
    UNCERTAIN,
    Counts,
    EventClass,
    Timeline,
    TimelineSums,
    count_event,
)
from app.model.raster._timeline_summary import (
    TimelineSummary,
    add_timeline_summary,
    summarise_timeline,
)

__all__ = [
    "CELL",
    "COUNTS",
    "FIELDS",
    "MEASURES",
    "MIXED",
    "NOOP",
    "NO_BLOCKS",
    "PAGES_TO_PRIVATE",
    "PAGES_TO_SHARED",
    "PRIVATE",
    "UNCERTAIN",
    "Band",
    "Churn",
    "ChurnSums",
    "Counts",
    "EventClass",
    "Grid",
    "Raster",
    "RasterSums",
    "Summary",
    "Timeline",
    "TimelineSummary",
    "TimelineSums",
    "Times",
    "add_summary",
    "add_timeline_summary",
    "bands",
    "coarsen",
    "coarsen_timelines",
    "column_near",
    "count_event",
    "covered",
    "row_ranges",
    "summarise",
    "summarise_timeline",
    "tile_of",
    "tiles",
    "touched",
]
