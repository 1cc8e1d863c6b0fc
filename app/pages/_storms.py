"""The storms of a VM, and one of them in full."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from app.http.dependencies import ReaderOf, StormsOf, VmId
from app.http.parameters import RulesOf
from app.queries.choices import STORM_THRESHOLDS
from app.queries.home import SPARK_HEIGHT, spark
from app.queries.inventory import find_recording
from app.queries.maps import edges_of, stretch_of
from app.queries.storms import StormList, StormRow
from app.rendering import PageRoute, page

SPARK_BUCKETS = 600
CONTEXT = 0.25
"""A link to the explorer shows so much of a storm's length before and after it."""

THRESHOLDS = frozenset(one.name for one in STORM_THRESHOLDS)
"""What else is in a page's address means nothing elsewhere."""

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/storms", include_in_schema=False)
def show_storms(
    request: Request, reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId
) -> Response:
    """All storms, what they were measured against, and the thresholds to move."""
    vm = reader.vm(vm_id)
    found = storms.list(vm, rules)
    first, end = stretch_of(reader, vm_id, None, None)
    edges = reader.fit_edges(vm_id, edges_of(first, end, SPARK_BUCKETS))
    return page(
        "storms.html",
        vm=vm,
        recording=find_recording(reader, vm.recording_id),
        found=found,
        spark=spark(reader.timeline(vm_id, edges)),
        spark_height=SPARK_HEIGHT,
        marks=_marks(found, int(edges[0]), int(edges[-1]), len(edges) - 1),
        window=window,
        thresholds=[(one, getattr(rules.of(one.of), one.field)) for one in STORM_THRESHOLDS],
        query=thresholds(request),
    )


def thresholds(request: Request) -> str:
    """The query that finds the same storms again: none where no threshold was moved."""
    given = request.query_params.multi_items()
    moved = [(name, value) for name, value in given if name in THRESHOLDS]
    return f"?{urlencode(moved)}" if moved else ""


def window(storm: StormRow, t: int | None = None) -> str:
    """The query that shows a storm in the explorer, with the cursor at `t` or at its start."""
    around = int((storm.to_t - storm.from_t) * CONTEXT)
    cursor = storm.from_t if t is None else t
    return f"from={max(0, storm.from_t - around)}&to={storm.to_t + around}&t={cursor}"


def _marks(found: StormList, first: int, end: int, width: int) -> list[tuple[float, float]]:
    """(x, width) of each storm in the spark's units; at least one unit wide."""
    scale = width / (end - first)
    return [
        (round((s.from_t - first) * scale, 2), round(max((s.to_t - s.from_t) * scale, 1), 2))
        for s in found.storms
    ]
