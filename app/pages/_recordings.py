"""A recording: its facts, what it can and cannot show, what it lost, and its coverage in full."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from app.http.dependencies import ReaderOf, RecordingId
from app.model.intervals import Interval, united
from app.queries.inventory import (
    LATE_MS,
    VmView,
    age_text,
    coverage_of,
    find_recording,
    storage_views,
    vm_view,
)
from app.rendering import PageRoute, page
from app.store.protocol import Loss
from app.store.read import Reader

LOSSES_SHOWN = 200
WIDTH, ROW, GAP = 1000, 12, 3
"""Of the picture of losses, in its own units."""
MOST_CPUS = 32

router = APIRouter(route_class=PageRoute)


@router.get("/recordings/{recording_id}", include_in_schema=False)
def show_recording(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """One continuous observation of one host."""
    recording = find_recording(reader, recording_id)
    vms = [vm_view(reader, vm) for vm in reader.vms(recording_id, include_unattributed=True)]
    losses = reader.losses(recording_id)
    (storage,) = storage_views(reader, recording_id)
    return page(
        "recording.html",
        recording=recording,
        storage=storage,
        age=age_text(storage),
        vms=[vm for vm in vms if not vm.is_unattributed],
        strays=[(vm, events_of(vm)) for vm in vms if vm.is_unattributed and events_of(vm)],
        losses=losses[:LOSSES_SHOWN],
        losses_hidden=len(losses[LOSSES_SHOWN:]),
    )


def events_of(vm: VmView) -> int:
    """How many events a VM has; that some were lost is shown elsewhere."""
    return sum(number for kind, number in vm.events.items() if not kind.startswith("loss_"))


@dataclass(frozen=True, slots=True)
class CpuLosses:
    """One CPU's losses as (x, width) of bands, in a row of the picture."""

    name: str
    y: int
    bands: list[tuple[int, int]]


@router.get("/recordings/{recording_id}/coverage", include_in_schema=False)
def show_coverage(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """What this recording can show, and what it cannot."""
    return page("coverage.html", **_coverage_shown(reader, recording_id))


@router.get("/recordings/{recording_id}/coverage/now", include_in_schema=False)
def show_counters(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """The part of the page that changes while a recording is made, for htmx."""
    context = _coverage_shown(reader, recording_id)
    response = page("coverage_now.html", **context)
    if not context["recording"].is_live:
        # It has ended: the rest of the page, badges above all, shows it only when read anew.
        response.headers["HX-Refresh"] = "true"
    return response


def _coverage_shown(reader: Reader, recording_id: int) -> dict[str, Any]:
    recording = find_recording(reader, recording_id)
    losses = reader.losses(recording_id)
    by_cpu = losses_by_cpu(losses, recording.last_t)
    return {
        "recording": recording,
        "coverage": coverage_of(recording, losses),
        "late_ns": LATE_MS * 10**6,
        "losses_by_cpu": by_cpu[:MOST_CPUS],
        "cpus_hidden": len(by_cpu[MOST_CPUS:]),
        "width": WIDTH,
        "row_height": ROW,
        "rows_height": len(by_cpu[:MOST_CPUS]) * (ROW + GAP),
    }


def losses_by_cpu(losses: list[Loss], last_t: int) -> list[CpuLosses]:
    """Of each CPU that lost something, losses of every CPU first."""
    cpus = sorted({loss.cpu for loss in losses}, key=lambda cpu: -1 if cpu is None else cpu)
    return [
        CpuLosses(
            "every CPU" if cpu is None else f"CPU {cpu}",
            at * (ROW + GAP),
            bands([loss for loss in losses if loss.cpu == cpu], last_t),
        )
        for at, cpu in enumerate(cpus)
    ]


def bands(losses: list[Loss], last_t: int) -> list[tuple[int, int]]:
    """(x, width): short losses are a unit wide, those that touch become one."""
    scale = WIDTH / max(1, last_t)
    return [(first, end - first) for first, end in united(_drawn(loss, scale) for loss in losses)]


def _drawn(loss: Loss, scale: float) -> Interval:
    first = min(int(loss.from_t * scale), WIDTH - 1)
    return first, min(max(first + 1, round(loss.to_t * scale)), WIDTH)
