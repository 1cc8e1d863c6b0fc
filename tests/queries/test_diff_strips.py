"""The strip of what differs between two moments: shares, not majorities."""

import numpy as np

from app.model.guest import PageState
from app.model.stats._diff import DIFFERENCE
from app.queries.history import BINS, Bar, change_bars
from app.queries.history._diff_strips import LEAST_LEVEL, LEVELS

SHARED, PRIVATE = PageState.SHARED, PageState.PRIVATE
BIN_PAGES = 100


def bars_of(*runs: tuple[int, PageState, PageState]) -> list[Bar]:
    """Of runs of (pages, state before, state after), filled up to the strip's length."""
    rows = np.zeros(len(runs) + 1, DIFFERENCE)
    rest = BINS * BIN_PAGES - sum(npages for npages, _, _ in runs)
    for row, (npages, before, after) in zip(rows, (*runs, (rest, PRIVATE, PRIVATE)), strict=True):
        row["npages"], row["before"], row["after"] = npages, before, after
    return change_bars(rows)


def test_a_place_that_differs_half_is_half_as_high_as_one_that_differs_whole() -> None:
    bars = bars_of((2 * BIN_PAGES, PRIVATE, SHARED), (BIN_PAGES // 2, SHARED, PRIVATE))
    assert bars == [Bar("shared", 0, 2, 1.0), Bar("private", 2, 1, 0.5)]


def test_a_single_page_is_seen_and_does_not_fill_its_place() -> None:
    (bar,) = bars_of((BIN_PAGES, PRIVATE, PRIVATE), (1, PRIVATE, SHARED))
    assert bar == Bar("shared", 1, 1, LEAST_LEVEL / LEVELS)


def test_what_is_the_same_is_not_drawn() -> None:
    assert bars_of((BIN_PAGES, SHARED, SHARED)) == []
    assert change_bars(np.zeros(0, DIFFERENCE)) == []
