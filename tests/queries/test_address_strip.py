"""The strip of the first page: all pages laid end to end, exact shares."""

import numpy as np

from app.model.events import RUN, RunArray
from app.model.guest import PageState
from app.queries.home._overview import address_strip


def runs(*rows: tuple[int, int, PageState]) -> RunArray:
    return np.array(list(rows), RUN)


def test_bins_hold_the_exact_share_of_their_pages() -> None:
    strip = address_strip(
        runs(
            (0, 30, PageState.PRIVATE),
            (30, 10, PageState.SHARED),
            (1 << 20, 20, PageState.UNKNOWN),
        ),
        bins=3,
    )
    assert strip is not None
    np.testing.assert_allclose(strip.private, [1.0, 0.5, 0.0])
    np.testing.assert_allclose(strip.unknown, [0.0, 0.0, 1.0])


def test_fewer_pages_than_bins_give_a_bin_a_page() -> None:
    strip = address_strip(runs((5, 1, PageState.PRIVATE), (9, 1, PageState.SHARED)), bins=100)
    assert strip is not None
    np.testing.assert_allclose(strip.private, [1.0, 0.0])


def test_no_page_no_strip() -> None:
    assert address_strip(runs(), bins=10) is None
