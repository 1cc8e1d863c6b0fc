"""What backs a VM's pages over time, and what may lie twice."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.http.dependencies import AccountsOf, ReaderOf, VmId
from app.pages._storms import QUICK_EVENTS
from app.queries.history import BackingPoint, BackingView
from app.queries.inventory import find_recording
from app.rendering import PageRoute, page

WIDTH, HEIGHT = 1000, 100
"""Of the pictures, in their own units."""

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/backing", include_in_schema=False)
def show_backing(
    request: Request, reader: ReaderOf, accounts: AccountsOf, vm_id: VmId, counted: bool = False
) -> Response:
    """The accounts of a VM's memory; `counted` is them alone, however long they take."""
    vm = reader.vm(vm_id)
    context: dict[str, Any] = {
        "vm": vm,
        "recording": find_recording(reader, vm.recording_id),
        "deferred": None,
    }
    if not counted and vm.events > QUICK_EVENTS and not accounts.holds(vm, None, None):
        return page("backing.html", **(context | {"deferred": f"{request.url.path}?counted=1"}))
    template = "backing_counted.html" if counted else "backing.html"
    return page(template, **context, **_shown(accounts.of(vm, None, None)))


def _shown(backing: BackingView) -> dict[str, Any]:
    """The accounts, and what they are drawn with."""
    points = backing.points
    return {
        "backing": backing,
        "areas": _areas(points),
        "band": _band(points),
        "width": WIDTH,
        "height": HEIGHT,
        "worst": max(points, key=lambda point: point.stale_private.upper, default=None),
    }


def _areas(points: list[BackingPoint]) -> list[tuple[str, str]]:
    """(class, path data) of private, shared, unknown, stacked from below."""
    most = max((p.private + p.shared + p.unknown for p in points), default=0) or 1
    below = [0.0] * len(points)
    areas = []
    for name in ("private", "shared", "unknown"):
        above = [b + getattr(p, name) / most * HEIGHT for b, p in zip(below, points, strict=True)]
        areas.append((name, _area(below, above)))
        below = above
    return areas


def _band(points: list[BackingPoint]) -> str:
    """From the lower to the upper bound of what may lie twice, on a scale of its own."""
    most = max((p.stale_private.upper for p in points), default=0) or 1
    return _area(
        [p.stale_private.lower / most * HEIGHT for p in points],
        [p.stale_private.upper / most * HEIGHT for p in points],
    )


def _area(below: list[float], above: list[float]) -> str:
    """Path data: the points at equal distances over the whole width."""
    step = WIDTH / max(1, len(above) - 1)
    there = "L".join(f"{x * step:.1f} {HEIGHT - y:.1f}" for x, y in enumerate(above))
    back = "L".join(f"{x * step:.1f} {HEIGHT - y:.1f}" for x, y in reversed(list(enumerate(below))))
    return f"M{there}L{back}z"
