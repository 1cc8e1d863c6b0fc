"""From a raster of numbers to palette indices: what each pixel of the map shows."""

import struct
import zlib
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from app.model.raster import Churn, Raster
from app.queries.maps import _palette as palette
from app.queries.maps._palette import Theme

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE_PALETTE = 3
COMPRESSION_LEVEL = 1


def encode_png(pixels: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> bytes:
    """Encode palette indices [height, width], row 0 at the top, with RGBA colours [n <= 256, 4]."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPE_PALETTE, 0, 0, 0)
    # Every scan line begins with its filter type; 0 (none) suits indices, which are no gradients.
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = pixels
    return b"".join(
        (
            SIGNATURE,
            chunk(b"IHDR", header),
            chunk(b"PLTE", colours[:, :3].tobytes()),
            chunk(b"tRNS", colours[:, 3].tobytes()),
            chunk(b"IDAT", zlib.compress(lines.data, COMPRESSION_LEVEL)),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

HATCH_PERIOD = 6
"""Pixels between the 45 degree stripes of cells most of which is unknown."""
HATCH_WIDTH = 2
SPARSE_HATCH_PERIOD = 8
"""Pixels between the one pixel stripes of cells a smaller part of which is unknown."""


class Measure(StrEnum):
    PRIVATE = "private"
    CONVERSIONS = "conversions"
    PAGE_FAULTS = "page_faults"
    PING_PONG = "ping_pong"
    MIXED = "mixed"

    @property
    def is_churn(self) -> bool:
        """Drawn from another raster than the others."""
        return self in (Measure.PING_PONG, Measure.MIXED)


EMPTY_PNG = encode_png(np.zeros((1, 1), np.uint8), np.zeros((1, 4), np.uint8))
"""One transparent pixel: a map without rows."""


def raster_png(
    raster: Raster | Churn, measure: Measure, theme: Theme, is_open: Mask | None = None
) -> bytes:
    """Draw a raster as a PNG, highest gfn at the top: a churn if the measure is one. `is_open`
    [width]: columns with conversions of which nobody knows where they were."""
    pixels = pixels_of(raster, measure, theme, is_open)
    return encode_png(pixels[::-1], palette.palette(theme))


def pixels_of(
    raster: Raster | Churn, measure: Measure, theme: Theme, is_open: Mask | None = None
) -> Pixels:
    """Palette indices [height, width]."""
    if isinstance(raster, Churn):
        return mixed_pixels(raster) if measure is Measure.MIXED else return_pixels(raster)
    if measure is Measure.PRIVATE:
        return private_pixels(raster, theme)
    if measure is Measure.CONVERSIONS:
        return conversion_pixels(raster, is_open)
    if measure is Measure.PAGE_FAULTS:
        return density_pixels(raster.page_faults, raster.present > 0)
    return density_pixels(np.zeros_like(raster.conversions), raster.present > 0)


def private_pixels(raster: Raster, theme: Theme) -> Pixels:
    """Palette indices [height, width] of the private fraction, unknown kept apart."""
    is_present = raster.present > 0
    pixels = ramp_steps(raster.private, raster.present - raster.unknown)
    if theme is Theme.DARK:
        pixels[borders_on_hole(is_present)] += palette.EDGE_RAMP - palette.RAMP
    has_unknown = raster.unknown > 0
    if has_unknown.any():
        hatch_unknown(pixels, has_unknown, 2 * raster.unknown >= raster.present)
    pixels[~is_present] = palette.TRANSPARENT
    return pixels


def ramp_steps(part: npt.NDArray[np.float32], whole: npt.NDArray[np.float32]) -> Pixels:
    """Palette indices for part / whole. The ends of the ramp mean exactly none and exactly all."""
    top = palette.RAMP_STEPS - 1
    fraction = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    steps: Pixels = np.clip(np.rint(fraction * top), 0, top).astype(np.uint8)
    steps[(steps == 0) & (part > 0)] = 1
    steps[(steps == top) & (part < whole * ALMOST_ALL)] = top - 1
    steps += np.uint8(palette.RAMP)
    return steps


ALMOST_ALL = np.float32(1 - 1e-6)
"""Sums of float32 fractions may miss 1 by rounding; closer than this is all."""


def hatch_unknown(pixels: Pixels, has_unknown: Mask, mostly_unknown: Mask) -> None:
    """Mark unknown by stripes, in place: grey ones on the ramp, or a grey cell with stripes."""
    height, width = pixels.shape
    sparse = stripes(height, width, SPARSE_HATCH_PERIOD, 1)
    dense = stripes(height, width, HATCH_PERIOD, HATCH_WIDTH)
    mostly_unknown = mostly_unknown & has_unknown
    pixels[has_unknown & sparse] = palette.UNKNOWN
    pixels[mostly_unknown] = palette.UNKNOWN
    pixels[mostly_unknown & dense] = palette.UNKNOWN_STRIPE


@lru_cache(maxsize=8)
def stripes(height: int, width: int, period: int, thickness: int) -> Mask:
    """Diagonal stripes over the whole picture, so that neighbouring cells continue each other."""
    row, column = np.ogrid[:height, :width]
    mask: Mask = (row + column) % period < thickness
    return mask


def borders_on_hole(is_present: Mask) -> Mask:
    """Present cells with an absent cell above, below, left or right; picture edges are none."""
    absent = np.pad(~is_present, 1)
    near_hole = absent[2:, 1:-1] | absent[:-2, 1:-1] | absent[1:-1, 2:] | absent[1:-1, :-2]
    return near_hole & is_present


def conversion_pixels(raster: Raster, is_open: Mask | None = None) -> Pixels:
    """Palette indices [height, width] of the number of conversions, failures crossed out; unknown
    where none is known in a column with conversions that may have been anywhere."""
    pixels = density_pixels(raster.conversions, raster.present > 0)
    if is_open is not None and is_open.any():
        may_have_been = is_open & (raster.present > 0) & (raster.conversions == 0)
        hatch_unknown(pixels, may_have_been, may_have_been)
    cross_out(pixels, raster.failed > 0)
    return pixels


def return_pixels(churn: Churn) -> Pixels:
    """Palette indices [height, width] of the number of returns; unknown where nothing is
    recorded."""
    is_present = churn.present > 0
    pixels = density_pixels(churn.returns, is_present)
    hatch_where_unknown(pixels, churn, is_present & (churn.returns == 0))
    return pixels


def mixed_pixels(churn: Churn) -> Pixels:
    """Palette indices [height, width] of the share of mixed 2 MiB blocks."""
    is_present = churn.present > 0
    pixels = np.full(churn.mixed.shape, palette.TRANSPARENT, np.uint8)
    pixels[is_present] = palette.QUIET
    is_mixed = is_present & (churn.mixed > 0)
    steps = np.rint(churn.mixed[is_mixed] * (palette.RAMP_STEPS - 1)).astype(np.uint8)
    pixels[is_mixed] = steps + np.uint8(palette.DENSITY_RAMP)
    hatch_where_unknown(pixels, churn, is_present & ~is_mixed)
    return pixels


def hatch_where_unknown(pixels: Pixels, churn: Churn, is_quiet: Mask) -> None:
    """Mark quiet cells of which something is unknown, in place: there may have been more."""
    has_unknown = is_quiet & (churn.unknown > 0)
    if has_unknown.any():
        hatch_unknown(pixels, has_unknown, 2 * churn.unknown >= churn.present)


def density_pixels(counts: npt.NDArray[np.integer[Any]], is_present: Mask) -> Pixels:
    """Palette indices [height, width] of counts, on a logarithmic scale."""
    pixels = np.full(counts.shape, palette.TRANSPARENT, np.uint8)
    pixels[is_present] = palette.QUIET
    counted = counts > 0
    if counted.any():
        share = np.log1p(counts[counted]) / np.log1p(counts.max())
        steps = np.rint(share * (palette.RAMP_STEPS - 1)).astype(np.uint8)
        pixels[counted] = steps + np.uint8(palette.DENSITY_RAMP)
    return pixels


def cross_out(pixels: Pixels, has_failed: Mask) -> None:
    """Draw a small diagonal cross over cells with failed conversions, in place."""
    height, width = pixels.shape
    rows, columns = np.nonzero(has_failed)
    for down, right in ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)):
        row, column = rows + down, columns + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        pixels[row[inside], column[inside]] = palette.FAILED
