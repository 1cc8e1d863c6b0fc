"""Which gfns get which rows."""

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import RUN
from app.model.guest import GFN_LIMIT, Backing, Certainty, Memslot
from app.model.raster import Band, bands, covered, row_ranges, touched


def slot(first: int, end: int, from_t: int = 0, to_t: int | None = None) -> Memslot:
    return Memslot(
        0, first, end - first, 0, Backing.HVA, Certainty.SEEN, 0, from_t=from_t, to_t=to_t
    )


def test_hole_between_memslots_is_left_out() -> None:
    drawn = bands([(0, 100), (10_000, 10_100)], first_gfn=0, end_gfn=GFN_LIMIT, height=20)
    assert drawn == [Band(0, 100, 0, 10), Band(10_000, 10_100, 10, 20)]


def test_hole_lower_than_two_rows_is_drawn() -> None:
    drawn = bands([(0, 100), (110, 210)], first_gfn=0, end_gfn=GFN_LIMIT, height=20)
    assert drawn == [Band(0, 210, 0, 20)]


def test_small_band_gets_three_rows() -> None:
    drawn = bands([(0, 10), (100_000, 1_000_000)], first_gfn=0, end_gfn=GFN_LIMIT, height=100)
    assert drawn == [Band(0, 10, 0, 3), Band(100_000, 1_000_000, 3, 100)]


def test_window_cuts_bands_and_a_page_is_never_split() -> None:
    drawn = bands([(0, 100)], first_gfn=50, end_gfn=60, height=512)
    assert drawn == [Band(50, 60, 0, 10)]


def test_widest_holes_stay_where_rows_are_few() -> None:
    stretches = [(0, 100), (200, 300), (9000, 9100)]
    drawn = bands(stretches, first_gfn=0, end_gfn=GFN_LIMIT, height=6)
    assert drawn == [Band(0, 300, 0, 3), Band(9000, 9100, 3, 6)]


def test_nothing_in_the_window_gives_no_bands() -> None:
    assert bands([(0, 100)], first_gfn=500, end_gfn=600, height=512) == []
    first, end = row_ranges([])
    assert len(first) == len(end) == 0


def test_only_memslots_alive_in_the_window_count() -> None:
    slots = [slot(0, 10, 0, 50), slot(5, 20, 50, None), slot(90, 99, 200), slot(60, 70, 0, 10)]
    assert covered(slots, 10, 100) == [(0, 20)]


def test_touching_runs_are_one_stretch() -> None:
    assert touched(np.array([(1, 2, 0), (3, 4, 1), (9, 1, 0)], RUN)) == [(1, 7), (9, 10)]


borders = st.lists(st.integers(0, 1 << 40), min_size=2, max_size=40, unique=True).map(sorted)


@settings(deadline=None, max_examples=100)
@given(borders, st.integers(1, 300))
def test_rows_cover_every_stretch_once_and_fill_the_height(edges: list[int], height: int) -> None:
    stretches = list(zip(edges[::2], edges[1::2], strict=False))
    drawn = bands(stretches, first_gfn=0, end_gfn=GFN_LIMIT, height=height)
    first, end = row_ranges(drawn)
    pages = sum(band.end_gfn - band.first_gfn for band in drawn)
    assert len(first) == min(height, pages) == drawn[-1].row_end
    assert (first < end).all()
    assert (first[1:] >= end[:-1]).all()
    for low, high in stretches:
        assert any(band.first_gfn <= low and high <= band.end_gfn for band in drawn)
