"""Small pictures of the first page, as shapes that a template draws into SVG.

Drawn here, not asked for as images, so that a page with many VMs is one answer.
"""

from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np
import numpy.typing as npt

from app.model.raster import Timeline
from app.queries.home._overview import STRIP_BINS, AddressStrip, address_strip
from app.queries.maps import RAMP, RAMP_STEPS, Theme, palette
from app.store.read import Reader

HATCH = "url(#hatch)"
"""The pattern for unknown, defined once in the page."""
STRIP_WIDTH, STRIP_HEIGHT = 240, 20
SPARK_BUCKETS, SPARK_HEIGHT = 600, 24


@dataclass(frozen=True, slots=True)
class Cell:
    """Neighbouring bins of a strip in one colour; place and width as shares of the strip's."""

    x: float
    width: float
    fill: str


@dataclass(frozen=True, slots=True)
class Spark:
    """Conversions over time: outlines around the middle, and the buckets with failures."""

    width: int
    to_private: str  # path data, upwards
    to_shared: str  # path data, downwards
    to_unknown: str  # beyond both, half up and half down; to be drawn first
    failed: list[int]


def strip_cells(strip: AddressStrip, strip_width: int = STRIP_WIDTH) -> list[Cell]:
    """Colours from low to high addresses; mostly unknown bins are hatched."""
    known = np.maximum(1 - strip.unknown, 1e-9)
    steps = np.rint(strip.private / known * (RAMP_STEPS - 1)).astype(int).clip(0, RAMP_STEPS - 1)
    fills = [
        HATCH if unknown >= 0.5 else ramp_colours()[step]
        for step, unknown in zip(steps, strip.unknown, strict=True)
    ]
    cells = []
    per_bin = strip_width / len(fills)
    first = 0
    for fill, group in groupby(fills):
        bins = len(list(group))
        cells.append(Cell(round(first * per_bin, 2), round(bins * per_bin, 2), fill))
        first += bins
    return cells


def before_and_after(
    reader: Reader, vm_id: int, from_t: int, to_t: int
) -> list[tuple[str, list[Cell]]]:
    """All memory just before an interval and at its end; none where no page has a state."""
    strips = []
    for name, t in (("before", from_t - 1), ("after", to_t - 1)):
        strip = address_strip(reader.page_map_at(vm_id, t).runs(), STRIP_BINS)
        if strip is not None:
            strips.append((name, strip_cells(strip)))
    return strips


@cache
def ramp_colours() -> list[str]:
    ramp = palette(Theme.LIGHT)[RAMP : RAMP + RAMP_STEPS]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue, _ in ramp]


def spark(timeline: Timeline) -> Spark:
    """Draw a timeline; what is there at all is at least one unit high."""
    up = timeline.to_private.astype(float)
    down = timeline.to_shared.astype(float)
    half = timeline.to_unknown / 2
    most = max((up + half).max(initial=0), (down + half).max(initial=0), 1)
    middle = SPARK_HEIGHT / 2
    beyond = (np.where(half > 0, side + half, 0) for side in (up, down))
    return Spark(
        width=len(up),
        to_private=bars_path(heights(up, most, middle), middle, -1),
        to_shared=bars_path(heights(down, most, middle), middle, 1),
        to_unknown="".join(
            bars_path(heights(side, most, middle), middle, direction)
            for side, direction in zip(beyond, (-1, 1), strict=True)
        ),
        failed=np.flatnonzero(timeline.failed).tolist(),
    )


def heights(counts: npt.NDArray[np.float64], most: float, room: float) -> list[float]:
    scaled = np.where(counts > 0, np.maximum(counts / most * room, 1), 0)
    return [round(float(height), 1) for height in scaled]


def bars_path(bars: list[float], middle: float, direction: int) -> str:
    """Bars of width 1 from the middle line, up (-1) or down (1), as SVG path data."""
    return "".join(
        f"M{x} {middle:g}v{direction * height:g}h1v{-direction * height:g}z"
        for x, height in enumerate(bars)
        if height
    )
