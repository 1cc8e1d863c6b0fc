"""The first page: what each VM needs a look for, in a strip and a spark.

Rows of the catalogue, summaries of segments and what was counted of guest_memfds suffice for it.
Pictures are kept until their VM changes.
"""

from app.queries.home._overview import AddressStrip, Overviews
from app.queries.home._pictures import (
    HATCH,
    SPARK_BUCKETS,
    SPARK_HEIGHT,
    STRIP_HEIGHT,
    STRIP_WIDTH,
    Cell,
    Spark,
    before_and_after,
    spark,
    strip_cells,
)

__all__ = [
    "HATCH",
    "SPARK_BUCKETS",
    "SPARK_HEIGHT",
    "STRIP_HEIGHT",
    "STRIP_WIDTH",
    "AddressStrip",
    "Cell",
    "Overviews",
    "Spark",
    "before_and_after",
    "spark",
    "strip_cells",
]
