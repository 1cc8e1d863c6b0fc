"""The small pictures of the first page."""

import numpy as np

from app.model.events import CHANGE, EVENT
from app.model.guest import EventKind, Outcome, To, Totals
from app.model.raster._timeline import timeline
from app.queries.home import HATCH, AddressStrip, spark, strip_cells
from app.queries.maps._palette import PRIVATE_COLOUR, SHARED_COLOUR


def test_strip_joins_neighbours_of_one_colour_and_hatches_unknown() -> None:
    cells = strip_cells(
        AddressStrip(private=np.array([1.0, 1.0, 0.0, 0.0]), unknown=np.array([0.0, 0.0, 0.0, 1.0]))
    )
    assert [(cell.x, cell.width, cell.fill) for cell in cells] == [
        (0, 120, PRIVATE_COLOUR),
        (120, 60, SHARED_COLOUR),
        (180, 60, HATCH),
    ]


def test_spark_draws_directions_apart_and_marks_failures() -> None:
    events = np.zeros(3, EVENT)
    events["kind"] = EventKind.CONVERSION
    events["t"] = [5, 15, 25]
    events["to"] = [To.PRIVATE, To.SHARED, To.PRIVATE]
    events["outcome"] = [Outcome.APPLIED, Outcome.APPLIED, Outcome.FAILED]
    edges = np.array([0, 10, 20, 30])
    drawn = spark(timeline(Totals(0, 0, 0), 0, [np.zeros(0, CHANGE)], [events], edges))
    assert drawn.width == 3
    assert drawn.to_private == "M0 12v-12h1v12z"
    assert drawn.to_shared == "M1 12v12h1v-12z"
    assert drawn.failed == [2]
