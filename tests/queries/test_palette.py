import numpy as np
import pytest

from app.queries.maps import Theme, _palette as palette


@pytest.mark.parametrize("theme", Theme)
def test_ramp_runs_from_shared_to_private(theme: Theme) -> None:
    colours = palette.palette(theme)

    assert len(colours) == palette.FAILED + 1 <= 256
    assert colours[palette.RAMP].tolist() == [0xF0, 0xB4, 0x43, 255]
    assert colours[palette.RAMP + palette.RAMP_STEPS - 1].tolist() == [0x44, 0x53, 0xC4, 255]
    assert colours[palette.TRANSPARENT].tolist() == [0, 0, 0, 0]
    assert colours[palette.UNKNOWN].tolist() == [0x8A, 0x90, 0x9B, 255]


def test_lightness_falls_evenly_from_shared_to_private() -> None:
    steps = palette.palette(Theme.LIGHT)[palette.RAMP : palette.EDGE_RAMP]
    lightness = [palette.to_oklab("#" + bytes(rgba[:3]).hex())[0] for rgba in steps]

    falls = -np.diff(lightness)

    assert (falls > 0).all()
    assert falls.max() < 1.5 * falls.mean()


def test_private_is_private_in_both_themes() -> None:
    light, dark = (palette.palette(theme)[: palette.EDGE_RAMP] for theme in Theme)

    assert (light == dark).all()
