from typing import Any

import numpy as np
import pytest

from app.model.raster import Churn, Raster
from app.queries.maps import Measure, Theme, _palette as palette, raster_png
from app.queries.maps._raster_image import (
    HATCH_PERIOD,
    HATCH_WIDTH,
    SPARSE_HATCH_PERIOD,
    conversion_pixels,
    density_pixels,
    mixed_pixels,
    private_pixels,
    return_pixels,
)

ALL_PRIVATE = palette.RAMP + palette.RAMP_STEPS - 1


def raster(
    private: list[list[float]],
    unknown: float | list[list[float]] = 0.0,
    present: float | list[list[float]] = 1.0,
    conversions: int | list[list[int]] = 0,
    failed: int | list[list[int]] = 0,
    page_faults: int | list[list[int]] = 0,
) -> Raster:
    shape = np.shape(private)
    floats: list[Any] = [
        np.broadcast_to(np.asarray(part, np.float32), shape) for part in (private, unknown, present)
    ]
    parts = (conversions, failed, page_faults, 0)
    counts: list[Any] = [np.broadcast_to(np.asarray(part, np.uint32), shape) for part in parts]
    return Raster(*floats, *counts)


def test_a_cell_shows_a_fraction_never_a_majority() -> None:
    pixels = private_pixels(raster([[0.0, 0.25, 0.5, 1.0]]), Theme.LIGHT)

    steps = palette.RAMP_STEPS - 1
    assert pixels.tolist() == [
        [palette.RAMP + round(share * steps) for share in (0.0, 0.25, 0.5, 1.0)]
    ]


def test_the_ends_of_the_ramp_mean_none_and_all() -> None:
    least, most = 1e-5, 1 - 1e-5

    pixels = private_pixels(raster([[0.0, least, most, 1.0]]), Theme.LIGHT)

    assert pixels.tolist() == [[palette.RAMP, palette.RAMP + 1, ALL_PRIVATE - 1, ALL_PRIVATE]]


def test_the_fraction_is_of_what_is_known_and_there() -> None:
    pixels = private_pixels(raster([[0.25]], present=0.25), Theme.LIGHT)

    assert pixels.tolist() == [[ALL_PRIVATE]]


def test_no_memslot_is_transparent() -> None:
    both = raster([[0.0]], present=0.0)

    assert private_pixels(both, Theme.LIGHT).tolist() == [[palette.TRANSPARENT]]
    assert conversion_pixels(both).tolist() == [[palette.TRANSPARENT]]


def test_mostly_unknown_is_hatched_at_45_degrees() -> None:
    size = 3 * HATCH_PERIOD
    pixels = private_pixels(raster(np.zeros((size, size)).tolist(), unknown=1.0), Theme.LIGHT)

    row, column = np.ogrid[:size, :size]
    is_stripe = (row + column) % HATCH_PERIOD < HATCH_WIDTH
    np.testing.assert_array_equal(
        pixels, np.where(is_stripe, palette.UNKNOWN_STRIPE, palette.UNKNOWN)
    )


def test_a_little_unknown_is_striped_over_the_fraction() -> None:
    size = 2 * SPARSE_HATCH_PERIOD
    pixels = private_pixels(raster(np.zeros((1, size)).tolist(), unknown=1e-6), Theme.LIGHT)

    expected = np.where(np.arange(size) % SPARSE_HATCH_PERIOD == 0, palette.UNKNOWN, palette.RAMP)
    np.testing.assert_array_equal(pixels[0], expected)


def test_unknown_without_memslot_stays_transparent() -> None:
    pixels = private_pixels(
        raster([[0.0, 0.0]], unknown=[[0.0, 1.0]], present=[[0.0, 1.0]]), Theme.LIGHT
    )

    assert pixels[0, 0] == palette.TRANSPARENT
    assert pixels[0, 1] != palette.TRANSPARENT


def test_in_the_dark_cells_at_a_hole_get_a_lighter_edge() -> None:
    present = np.ones((5, 5))
    present[2, 2] = 0
    cells = raster(present.tolist(), present=present.tolist())

    pixels = private_pixels(cells, Theme.DARK)

    edge = ALL_PRIVATE + palette.EDGE_RAMP - palette.RAMP
    a, o = ALL_PRIVATE, palette.TRANSPARENT
    assert pixels.tolist() == [
        [a, a, a, a, a],
        [a, a, edge, a, a],
        [a, edge, o, edge, a],
        [a, a, edge, a, a],
        [a, a, a, a, a],
    ]
    assert (private_pixels(cells, Theme.LIGHT) <= ALL_PRIVATE).all()


def test_conversions_are_on_a_logarithmic_scale() -> None:
    pixels = conversion_pixels(raster([[0.0] * 4], conversions=[[0, 1, 31, 1023]]))

    steps = palette.RAMP_STEPS - 1
    assert pixels.tolist() == [
        [
            palette.QUIET,
            palette.DENSITY_RAMP + round(0.1 * steps),
            palette.DENSITY_RAMP + round(0.5 * steps),
            palette.DENSITY_RAMP + steps,
        ]
    ]


def test_where_conversions_may_have_been_anywhere_quiet_cells_are_unknown() -> None:
    cells = raster([[0.0] * 3] * 2, present=[[1, 1, 1], [0, 1, 1]], conversions=[[0, 3, 0]] * 2)
    pixels = conversion_pixels(cells, np.array([True, True, False]))
    unknown = (palette.UNKNOWN, palette.UNKNOWN_STRIPE)
    most = palette.DENSITY_RAMP + palette.RAMP_STEPS - 1
    assert pixels[0, 0] in unknown
    assert pixels[1, 0] == palette.TRANSPARENT
    assert pixels[:, 1].tolist() == [most, most]
    assert pixels[:, 2].tolist() == [palette.QUIET] * 2


def test_a_failed_conversion_is_crossed_out_even_at_the_border() -> None:
    failed = np.zeros((4, 4), int)
    failed[0, 0] = failed[2, 2] = 1
    pixels = conversion_pixels(raster(failed.tolist(), failed=failed.tolist()))

    f, q = palette.FAILED, palette.QUIET
    assert pixels.tolist() == [[f, q, q, q], [q, f, q, f], [q, q, f, q], [q, f, q, f]]


def test_page_faults_have_a_scale_of_their_own() -> None:
    cells = raster([[0.0] * 3], present=[[1, 1, 0]], conversions=99, page_faults=[[0, 7, 0]])
    (row,) = density_pixels(cells.page_faults, cells.present > 0).tolist()

    most = palette.DENSITY_RAMP + palette.RAMP_STEPS - 1
    assert row == [palette.QUIET, most, palette.TRANSPARENT]


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("measure", Measure)
def test_the_highest_gfn_is_at_the_top(measure: Measure, theme: Theme) -> None:
    low_first = raster([[0.0], [1.0]], conversions=[[0], [9]], page_faults=[[0], [9]])
    high_first = raster([[1.0], [0.0]], conversions=[[9], [0]], page_faults=[[9], [0]])

    low, high = (churn_like(one) if measure.is_churn else one for one in (low_first, high_first))
    assert raster_png(low, measure, theme) != raster_png(high, measure, theme)
    assert private_pixels(low_first, theme)[0, 0] == palette.RAMP


def churn_like(one: Raster) -> Churn:
    """Where a raster has conversions, a churn has returns and mixed blocks."""
    returns = one.conversions.astype(np.int64)
    return Churn((returns > 0).astype(np.float32), one.unknown, one.present, returns)


def test_share_of_mixed_blocks_is_on_a_straight_scale() -> None:
    row = np.array([[0.0, 0.25, 1.0, 0.0, 0.0]], np.float32)
    unknown, present = (np.array([one], np.float32) for one in ([0, 0, 0, 1, 0], [1, 1, 1, 1, 0]))
    (pixels,) = mixed_pixels(Churn(row, unknown, present, np.zeros((1, 5), np.int64))).tolist()

    steps = palette.RAMP_STEPS - 1
    assert pixels[:3] == [
        palette.QUIET,
        palette.DENSITY_RAMP + round(0.25 * steps),
        palette.DENSITY_RAMP + steps,
    ]
    assert pixels[3] in (palette.UNKNOWN, palette.UNKNOWN_STRIPE)
    assert pixels[4] == palette.TRANSPARENT


def test_returns_are_counted_on_a_logarithmic_scale() -> None:
    returns = np.array([[0, 1, 1023]])
    zeros, ones = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    (pixels,) = return_pixels(Churn(zeros, zeros, ones, returns)).tolist()

    steps = palette.RAMP_STEPS - 1
    first = palette.DENSITY_RAMP
    assert pixels == [palette.QUIET, first + round(0.1 * steps), first + steps]
