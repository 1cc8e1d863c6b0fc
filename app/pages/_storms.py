"""The storms of a VM, one of them in full, and any other interval counted like one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from app.http.dependencies import ReaderOf, StormsOf, VmId
from app.http.parameters import RulesOf, StormOf, TimesOf
from app.queries.choices import STORM_THRESHOLDS
from app.queries.events import note_view
from app.queries.figures import row_id
from app.queries.history import interval_pictures
from app.queries.home import SPARK_BUCKETS, SPARK_HEIGHT, STRIP_HEIGHT, STRIP_WIDTH, spark
from app.queries.inventory import find_recording
from app.queries.maps import edges_of, interval_of
from app.queries.storms import IntervalView, StormList, StormRow, Storms, headline
from app.rendering import PageRoute, page
from app.store.errors import NotKept
from app.store.read import Reader
from app.store.schema import Vm

CONTEXT = 0.25
"""A link to the explorer shows so much of a storm's length before and after it."""

THRESHOLDS = frozenset(one.name for one in STORM_THRESHOLDS)
"""What else is in a page's address means nothing elsewhere."""

QUICK_EVENTS = 300_000
"""So many are counted while a browser waits; of more, a page comes first and its numbers follow."""

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/storms", include_in_schema=False)
def show_storms(
    request: Request, reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId
) -> Response:
    """All storms, what they were measured against, and the thresholds to move."""
    vm = reader.vm(vm_id)
    found = storms.list(vm, rules)
    first, end = interval_of(reader, vm_id, None, None)
    edges = reader.fit_edges(vm_id, edges_of(first, end, SPARK_BUCKETS))
    return page(
        "storms.html",
        vm=vm,
        recording=find_recording(reader, vm.recording_id),
        found=found,
        spark=spark(reader.timeline(vm_id, edges)),
        spark_height=SPARK_HEIGHT,
        marks=_marks(found, int(edges[0]), int(edges[-1]), len(edges) - 1),
        stretch=(first, end),
        storm_times=[(storm.from_t, storm.to_t) for storm in found.storms],
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


Counted = Annotated[bool, Query(description="The numbers alone, however long they take.")]


@dataclass(frozen=True, slots=True)
class ShownInterval:
    """What is shown in full: a storm, or any other interval of a VM's time."""

    vm: Vm
    from_t: int
    to_t: int
    storm: StormRow | None = None


@router.get("/vms/{vm_id}/storms/{storm_id}", include_in_schema=False)
def show_storm(
    request: Request, reader: ReaderOf, storms: StormsOf, found: StormOf, counted: Counted = False
) -> Response:
    """One storm in full; `counted` is its numbers alone, however long they take."""
    storm = found.storm
    interval = ShownInterval(found.vm, storm.from_t, storm.to_t, storm)
    return _show(request, reader, storms, interval, is_counted=counted)


@router.get("/vms/{vm_id}/stretch", include_in_schema=False)
def show_interval(
    request: Request,
    reader: ReaderOf,
    storms: StormsOf,
    vm_id: VmId,
    times: TimesOf,
    counted: Counted = False,
) -> Response:
    """Any interval of time, counted like a storm."""
    vm = reader.vm(vm_id)
    interval = ShownInterval(vm, *interval_of(reader, vm_id, times.first, times.end))
    return _show(request, reader, storms, interval, is_counted=counted)


def _show(
    request: Request, reader: Reader, storms: Storms, interval: ShownInterval, *, is_counted: bool
) -> Response:
    vm, from_t, to_t = interval.vm, interval.from_t, interval.to_t
    context: dict[str, Any] = {
        "vm": vm,
        "recording": find_recording(reader, vm.recording_id),
        "storm": interval.storm,
        "from_t": from_t,
        "to_t": to_t,
        "window": window,
        "query": thresholds(request),
        "notes": [note_view(note) for note in reader.notes(row_id(vm), from_t, to_t)],
        "deferred": None,
        "gone": None,
    }
    try:
        reader.require_kept(row_id(vm), from_t, to_t)
    except NotKept as error:
        return page("stretch.html", **(context | {"gone": str(error)}))
    if not is_counted and not storms.has_facts(vm, from_t, to_t) and vm.events > QUICK_EVENTS:
        later = urlencode([*request.query_params.multi_items(), ("counted", "1")])
        return page("stretch.html", **(context | {"deferred": f"{request.url.path}?{later}"}))
    facts = storms.interval(vm, from_t, to_t)
    template = "stretch_counted.html" if is_counted else "stretch.html"
    return page(template, **context, **_counted(reader, vm, facts))


def _counted(reader: Reader, vm: Vm, facts: IntervalView) -> dict[str, Any]:
    """What the numbers are shown with."""
    vm_id, from_t, to_t = row_id(vm), facts.from_t, facts.to_t
    pictures = interval_pictures(reader, vm_id, from_t, to_t)
    return {
        "facts": facts,
        "headline": headline(facts),
        "spark": pictures.spark,
        "spark_height": SPARK_HEIGHT,
        "strips": pictures.strips,
        "changes": pictures.changes,
        "strip_width": STRIP_WIDTH,
        "strip_height": STRIP_HEIGHT,
        "link": explorer_link(vm_id, from_t, to_t),
    }


def explorer_link(vm_id: int, from_t: int, to_t: int) -> Callable[..., str]:
    """A function that writes addresses of the explorer: just this interval, and what is chosen of
    it."""

    def link(**chosen: object) -> str:
        query = {"from": max(0, from_t), "to": to_t, "t": from_t} | chosen
        return f"/vms/{vm_id}?{urlencode(query)}"

    return link
