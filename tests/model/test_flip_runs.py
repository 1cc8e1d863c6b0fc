"""Ping-pong runs against counting page by page."""

from collections import defaultdict

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import CHANGE, ChangeArray
from app.model.guest import PageState
from app.model.stats import FlipRunArray, flips_among, flips_of_runs
from app.model.stats._flip_runs import FlipBorders

S, P, U = PageState.SHARED, PageState.PRIVATE, PageState.UNKNOWN


def change(event: int, gfn: int, npages: int, before: int, after: int) -> ChangeArray:
    row = np.zeros(1, CHANGE)
    row["t"], row["event"], row["gfn"], row["npages"] = event * 10, event, gfn, npages
    row["before"], row["after"], row["in_memslot"] = before, after, True
    return row


def changes(*rows: tuple[int, int, int, int, int]) -> ChangeArray:
    return np.concatenate((np.zeros(0, CHANGE), *(change(*row) for row in rows)))


def flip_runs(flips: ChangeArray, least: int = 3, chunk: int = 5) -> FlipRunArray:
    borders = FlipBorders()
    for first in range(0, len(flips), chunk):
        borders.add(flips[first : first + chunk])
    return borders.runs(least)


flip_lists = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=40)


@settings(deadline=None)
@given(flip_lists, st.integers(1, 4))
def test_every_page_is_in_a_run_with_just_its_flips(
    ranges: list[tuple[int, int]], least: int
) -> None:
    flips = changes(*((i, gfn, n, S, P) for i, (gfn, n) in enumerate(ranges)))
    by_page: dict[int, list[int]] = defaultdict(list)
    for i, (gfn, npages) in enumerate(ranges):
        for page in range(gfn, gfn + npages):
            by_page[page].append(i)
    covered: dict[int, int] = {}
    runs = np.sort(flip_runs(flips, least), order="gfn")
    which_run, which_flip = flips_of_runs(flips, runs["gfn"].astype(np.int64))
    for i, run in enumerate(runs):
        pages = range(int(run["gfn"]), int(run["gfn"] + run["npages"]))
        seen = {tuple(by_page[page]) for page in pages}
        assert len(seen) == 1
        assert flips[which_flip[which_run == i]]["event"].tolist() == list(seen.pop())
        covered |= dict.fromkeys(pages, int(run["flips"]))
        for beside in (pages[0] - 1, pages[-1] + 1):
            assert by_page.get(beside, []) != by_page[pages[0]]
    assert covered == {page: len(who) for page, who in by_page.items() if len(who) >= least}


def test_only_conversions_between_known_states_are_flips() -> None:
    rows = changes(
        (1, 0, 1, S, P), (2, 0, 1, P, U), (3, 0, 1, U, S), (-1, 0, 1, S, P), (5, 0, 1, P, S)
    )
    assert flips_among(rows)["event"].tolist() == [1, 5]


def test_most_flips_come_first_then_most_pages() -> None:
    rows = [(i, 100, 1, S, P) for i in range(3)]
    rows += [(10 + i, 200, 8, S, P) for i in range(3)]
    rows += [(20 + i, 300, 1, S, P) for i in range(5)]
    assert flip_runs(changes(*rows))["gfn"].tolist() == [300, 200, 100]
