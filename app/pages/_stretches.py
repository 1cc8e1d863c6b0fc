"""A storm in full, and any other stretch of time counted like one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from app.http.dependencies import ReaderOf, StormsOf, VmId
from app.http.parameters import RulesOf, TimesOf
from app.pages._storms import SPARK_BUCKETS, thresholds, window
from app.queries.events import note_view
from app.queries.figures import row_id
from app.queries.history import became
from app.queries.home import SPARK_HEIGHT, STRIP_HEIGHT, STRIP_WIDTH, before_and_after, spark
from app.queries.inventory import find_recording
from app.queries.maps import edges_of, stretch_of
from app.queries.storms import IntervalView, StormRow, Storms, headline
from app.rendering import PageRoute, page
from app.store.read import Reader
from app.store.schema import Vm

QUICK_EVENTS = 300_000
"""So many are counted while a browser waits; of more, a page comes first and its numbers follow."""

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/storms/{storm_id}", include_in_schema=False)
def show_storm(
    request: Request,
    reader: ReaderOf,
    storms: StormsOf,
    rules: RulesOf,
    vm_id: VmId,
    storm_id: str,
    counted: bool = False,
) -> Response:
    """One storm in full; `counted` is its numbers alone, however long they take."""
    vm = reader.vm(vm_id)
    storm = storms.find(vm, storm_id, rules)
    return _show(request, reader, storms, vm, (storm.from_t, storm.to_t), counted, storm)


@router.get("/vms/{vm_id}/stretch", include_in_schema=False)
def show_stretch(
    request: Request,
    reader: ReaderOf,
    storms: StormsOf,
    vm_id: VmId,
    times: TimesOf,
    counted: bool = False,
) -> Response:
    """Any stretch of time, counted like a storm."""
    vm = reader.vm(vm_id)
    stretch = stretch_of(reader, vm_id, times.first, times.end)
    return _show(request, reader, storms, vm, stretch, counted, None)


def _show(
    request: Request,
    reader: Reader,
    storms: Storms,
    vm: Vm,
    stretch: tuple[int, int],
    counted: bool,
    storm: StormRow | None,
) -> Response:
    context: dict[str, Any] = {
        "vm": vm,
        "recording": find_recording(reader, vm.recording_id),
        "storm": storm,
        "from_t": stretch[0],
        "to_t": stretch[1],
        "window": window,
        "query": thresholds(request),
        "notes": [note_view(note) for note in reader.notes(row_id(vm), *stretch)],
        "deferred": None,
    }
    if not counted and not storms.has_facts(vm, *stretch) and vm.events > QUICK_EVENTS:
        later = urlencode([*request.query_params.multi_items(), ("counted", "1")])
        return page("stretch.html", **(context | {"deferred": f"{request.url.path}?{later}"}))
    facts = storms.interval(vm, *stretch)
    template = "stretch_counted.html" if counted else "stretch.html"
    return page(template, **context, **_counted(reader, vm, facts))


def _counted(reader: Reader, vm: Vm, facts: IntervalView) -> dict[str, Any]:
    """What the numbers are shown with."""
    vm_id, from_t, to_t = row_id(vm), facts.from_t, facts.to_t
    timeline = reader.timeline(vm_id, edges_of(from_t, to_t, SPARK_BUCKETS))
    return {
        "facts": facts,
        "headline": headline(facts),
        "spark": spark(timeline),
        "spark_height": SPARK_HEIGHT,
        "strips": before_and_after(reader, vm_id, from_t, to_t),
        "changes": became(reader, vm_id, from_t - 1, to_t - 1),
        "strip_width": STRIP_WIDTH,
        "strip_height": STRIP_HEIGHT,
        "link": explorer_link(vm_id, from_t, to_t),
    }


def explorer_link(vm_id: int, from_t: int, to_t: int) -> Callable[..., str]:
    """A function that writes addresses of the explorer: just this stretch, and what is chosen of
    it."""

    def link(**chosen: object) -> str:
        query = {"from": max(0, from_t), "to": to_t, "t": from_t} | chosen
        return f"/vms/{vm_id}?{urlencode(query)}"

    return link
