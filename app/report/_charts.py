"""The figures of a report as data for the plotting library that it carries along."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.model.guest import LINE_NUMBERS, NS_PER_LINE, PAGE_SHIFT
from app.queries.figures import duration, lines, row_id
from app.queries.history import Buckets, where_known
from app.queries.maps import MapLayout, MapQuery, Measure, Theme, edges_of, map_layout, raster_png
from app.store.read import Reader
from app.store.schema import Vm

BUCKETS = 600
MAP_WIDTH, MAP_HEIGHT = 1000, 400
MOST_ADDRESS_LABELS = 10


@dataclass(frozen=True, slots=True)
class TimeScale:
    """What a figure's time axis counts, and what its rates are rates of."""

    unit_ns: int
    title: str
    rate_ns: int
    per: str
    length: Callable[[int], str]


SECONDS = TimeScale(10**9, "seconds since the recording's start", 10**9, "per second", duration)
LINES = TimeScale(NS_PER_LINE, "line of the log", 1000 * NS_PER_LINE, "per 1000 lines", lines)


def scale_of(reader: Reader, vm: Vm) -> TimeScale:
    """A recording without times has lines only, and nothing in it is so often a second."""
    return LINES if reader.recording(vm.recording_id).clock == LINE_NUMBERS else SECONDS


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure: an element's id, what it shows in words, and its data."""

    id: str
    caption: str
    data: dict[str, Any]


def timeline_chart(reader: Reader, vm: Vm, from_t: int, to_t: int, chart_id: str) -> Chart:
    """How often memory was converted, and private memory, in at most `BUCKETS` buckets."""
    scale = scale_of(reader, vm)
    edges = reader.fit_edges(row_id(vm), edges_of(from_t, to_t, BUCKETS))
    timeline = reader.timeline(row_id(vm), edges)
    widths = np.diff(timeline.t_edges)
    each = widths / scale.rate_ns
    middles = (timeline.t_edges[:-1] + timeline.t_edges[1:]) / 2 / scale.unit_ns
    series = {
        "to_private": timeline.to_private / each,
        "to_shared": -timeline.to_shared / each,
        "to_unknown": timeline.to_unknown / each,
        "failed": timeline.failed,
        "page_faults": timeline.page_faults / each,
    }
    data: dict[str, Any] = {name: np.round(v, 4).tolist() for name, v in series.items()}
    gib = np.round(timeline.private * (1 << PAGE_SHIFT) / (1 << 30), 4)
    known = where_known(Buckets(timeline, vm, reader.recording(vm.recording_id)), "private")
    data["private_gib"] = [g if k else None for g, k in zip(gib.tolist(), known, strict=True)]
    data |= {"kind": "timeline", "t": np.round(middles, 9).tolist()}
    data["width"] = np.round(widths / scale.unit_ns, 9).tolist()
    data |= {"time": scale.title, "per": scale.per}
    undirected = ", hatched both ways where the direction is not recorded"
    undirected = undirected if timeline.to_unknown.any() else ""
    bar = scale.length(round(widths.mean()))
    caption = (
        f"Conversions {scale.per}, to private up and to shared down{undirected}; "
        f"failures as crosses; private memory as a line. One bar is {bar}."
    )
    return Chart(chart_id, caption, data)


def map_chart(reader: Reader, vm: Vm, from_t: int, to_t: int, chart_id: str) -> Chart | None:
    """Time x guest physical address; None where no memory is known."""
    scale = scale_of(reader, vm)
    query = MapQuery(from_t, to_t, None, None, MAP_WIDTH, MAP_HEIGHT)
    layout = map_layout(reader, vm, query)
    if not layout.bands:
        return None
    picture = raster_png(reader.raster(row_id(vm), layout.grid()), Measure.PRIVATE, Theme.LIGHT)
    ticks = _address_ticks(layout)
    data = {
        "kind": "map",
        "image": "data:image/png;base64," + b64encode(picture).decode(),
        "from": layout.from_t / scale.unit_ns,
        "to": layout.to_t / scale.unit_ns,
        "time": scale.title,
        "rows": layout.height,
        "ticks": [row for row, _ in ticks],
        "labels": [label for _, label in ticks],
    }
    cell = scale.length(round((layout.to_t - layout.from_t) / layout.width))
    size = (layout.pages << PAGE_SHIFT) / layout.height / (1 << 20)
    caption = (
        "Private fraction of guest memory over time: blue is private, amber shared, hatched "
        "unknown; places without a memslot are left out. "
        f"One cell is {size:.3g} MiB x {cell}."
    )
    return Chart(chart_id, caption, data)


def _address_ticks(layout: MapLayout) -> list[tuple[int, str]]:
    """(row, address) at the lower ends of the bands, and between them where there is room."""
    step = max(1, layout.height // MOST_ADDRESS_LABELS)
    rows = sorted({band.row_first for band in layout.bands} | set(range(0, layout.height, step)))
    ticks: list[tuple[int, str]] = []
    for row in rows:
        if not ticks or row - ticks[-1][0] >= step // 2:
            ticks.append((row, f"{layout.row_first[row] << PAGE_SHIFT:#x}"))
    return ticks
