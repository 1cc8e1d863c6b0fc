"""Two moments side by side, as a page whose address reproduces it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from app.http.dependencies import ReaderOf
from app.http.parameters import MomentsOf, SidesOf
from app.queries.history import (
    BINS,
    EventsBetween,
    Moment,
    change_bars,
    diff,
    events_between,
    largest,
    rows_between,
    side_cells,
)
from app.queries.home import STRIP_HEIGHT
from app.queries.inventory import find_recording
from app.rendering import PageRoute, page
from app.store.read import Reader

RUNS_SHOWN = 50
EVENTS_SHOWN = 50

router = APIRouter(route_class=PageRoute)


@router.get("/diff", include_in_schema=False)
def show_diff(
    reader: ReaderOf,
    moments: MomentsOf,
    chosen: SidesOf,
    swap: Annotated[bool, Query(description="The other way round.")] = False,
) -> Response:
    """What became private, shared or unknown between two moments."""
    a, b = moments
    if swap:
        a, b = b, a
    rows = rows_between(reader, a, b)
    recordings = [find_recording(reader, i) for i in dict.fromkeys((a.recording, b.recording))]
    is_one_clock = len({one.clock for one in recordings}) == 1
    return page(
        "diff.html",
        found=diff(a, b, rows),
        recordings=recordings,
        recording=recordings[0] if is_one_clock else None,
        between=_between(reader, a, b),
        runs=largest(a, b, rows, RUNS_SHOWN),
        strips=[("A", side_cells(rows, "before")), ("B", side_cells(rows, "after"))],
        changes=change_bars(rows),
        width=BINS,
        height=STRIP_HEIGHT,
        link=urlencode(chosen.model_dump(exclude_none=True)),
    )


def _between(reader: Reader, a: Moment, b: Moment) -> EventsBetween | None:
    """Events between two moments of one VM, whichever is the later one."""
    if a.vm != b.vm or a.at == b.at:
        return None
    first, last = sorted((a.at, b.at))
    return events_between(reader, a.vm, first + 1, last + 1, EVENTS_SHOWN)
