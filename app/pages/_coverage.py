"""The coverage of a recording: blind spots with their cost, the host, the collector, the losses."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response

from app.http.dependencies import ReaderOf, RecordingId
from app.model.intervals import Interval, united
from app.queries.inventory import LATE_MS, coverage_of, find_recording
from app.rendering import PageRoute, page
from app.store.protocol import Loss
from app.store.read import Reader

WIDTH, LANE, GAP = 1000, 12, 3
"""Of the picture of losses, in its own units."""
MOST_LANES = 32

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Lane:
    """One CPU's losses as (x, width) of bands."""

    name: str
    y: int
    bands: list[tuple[int, int]]


@router.get("/recordings/{recording_id}/coverage", include_in_schema=False)
def show_coverage(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """What this recording can show, and what it cannot."""
    return page("coverage.html", **shown(reader, recording_id))


@router.get("/recordings/{recording_id}/coverage/now", include_in_schema=False)
def show_counters(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """The part of the page that changes while a recording is made, for htmx."""
    context = shown(reader, recording_id)
    response = page("coverage_now.html", **context)
    if not context["recording"].is_live:
        # It has ended: the rest of the page, badges above all, shows it only when read anew.
        response.headers["HX-Refresh"] = "true"
    return response


def shown(reader: Reader, recording_id: int) -> dict[str, Any]:
    recording = find_recording(reader, recording_id)
    losses = reader.losses(recording_id)
    lanes = loss_lanes(losses, recording.last_t)
    return {
        "recording": recording,
        "coverage": coverage_of(recording, losses),
        "late_ns": LATE_MS * 10**6,
        "lanes": lanes[:MOST_LANES],
        "lanes_hidden": len(lanes[MOST_LANES:]),
        "width": WIDTH,
        "lane_height": LANE,
        "lanes_height": len(lanes[:MOST_LANES]) * (LANE + GAP),
    }


def loss_lanes(losses: list[Loss], last_t: int) -> list[Lane]:
    """A lane for each CPU that lost something, losses of every CPU first."""
    cpus = sorted({loss.cpu for loss in losses}, key=lambda cpu: -1 if cpu is None else cpu)
    return [
        Lane(
            "every CPU" if cpu is None else f"CPU {cpu}",
            at * (LANE + GAP),
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
