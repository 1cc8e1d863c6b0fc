"""The colours of the map and where each sits in the picture's palette.

Meaning first: private and shared differ in lightness as well as in hue, what lies between is a
straight line in OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020), so
that half private looks half way. The constants below name palette indices, the same in both themes.
"""

from enum import StrEnum
from functools import cache

import numpy as np
import numpy.typing as npt

Colours = npt.NDArray[np.uint8]

RAMP_STEPS = 64
TRANSPARENT = 0
RAMP = 1
"""First index of the ramp from all shared to all private."""
EDGE_RAMP = RAMP + RAMP_STEPS
"""The same ramp, lighter: cells that border on a hole."""
DENSITY_RAMP = EDGE_RAMP + RAMP_STEPS
"""Few of what is counted to many."""
UNKNOWN = DENSITY_RAMP + RAMP_STEPS
UNKNOWN_STRIPE = UNKNOWN + 1
QUIET = UNKNOWN + 2
"""A memslot is here and nothing was converted."""
FAILED = UNKNOWN + 3

PRIVATE_COLOUR = "#4453c4"
SHARED_COLOUR = "#f0b443"
UNKNOWN_COLOUR = "#8a909b"


class Theme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


# unknown's stripe, quiet, failed, density from, density to, how far edges go towards white
THEME_COLOURS = {
    Theme.LIGHT: ("#c9cdd4", "#eef0f4", "#c2255c", "#cdd3f7", "#26318c", 0.0),
    Theme.DARK: ("#5d636e", "#22262d", "#f0719b", "#323b78", "#c3caff", 0.35),
}

LINEAR_TO_CONE = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
CONE_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_oklab(colour: str) -> npt.NDArray[np.float64]:
    """Convert "#rrggbb" (sRGB) to OKLab."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    oklab: npt.NDArray[np.float64] = CONE_TO_OKLAB @ np.cbrt(LINEAR_TO_CONE @ linear)
    return oklab


def from_oklab(oklab: npt.NDArray[np.float64]) -> Colours:
    """Convert OKLab rows [n, 3] to opaque sRGB RGBA [n, 4]."""
    cone = (oklab @ np.linalg.inv(CONE_TO_OKLAB).T) ** 3
    linear = np.clip(cone @ np.linalg.inv(LINEAR_TO_CONE).T, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgba = np.full((len(oklab), 4), 255, np.uint8)
    rgba[:, :3] = np.rint(srgb * 255)
    return rgba


def ramp(first: str, last: str, steps: int = RAMP_STEPS) -> Colours:
    """Colours on the straight OKLab line between two, both ends included: RGBA [steps, 4]."""
    share = np.linspace(0, 1, steps)[:, np.newaxis]
    return from_oklab((1 - share) * to_oklab(first) + share * to_oklab(last))


def lighten(colours: Colours, amount: float) -> Colours:
    mixed = colours.copy()
    mixed[:, :3] = np.rint(colours[:, :3] * (1 - amount) + 255 * amount)
    return mixed


@cache
def palette(theme: Theme) -> Colours:
    """The palette of a theme: RGBA [n <= 256, 4], laid out by the constants of this module."""
    stripe, quiet, failed, few, many, edge = THEME_COLOURS[theme]
    states = ramp(SHARED_COLOUR, PRIVATE_COLOUR)
    single = from_oklab(np.array([to_oklab(c) for c in (UNKNOWN_COLOUR, stripe, quiet, failed)]))
    transparent = np.zeros((1, 4), np.uint8)
    return np.concatenate((transparent, states, lighten(states, edge), ramp(few, many), single))
