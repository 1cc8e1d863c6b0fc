"""Two maps side by side against comparing page by page."""

from itertools import pairwise

import numpy as np
from hypothesis import given, strategies as st

from app.model.events import RUN, RunArray
from app.model.guest import PageState
from app.model.stats import differing, side_by_side, transitions

NONE = PageState.NO_MEMSLOT
page_states = st.lists(st.sampled_from(list(PageState)), max_size=40)


def runs_of(states: list[PageState]) -> RunArray:
    """Runs as a page map gives them: maximal, without places that no memslot covers."""
    rows: list[list[int]] = []
    for gfn, state in enumerate(states):
        if state == NONE:
            continue
        if rows and rows[-1][0] + rows[-1][1] == gfn and rows[-1][2] == state:
            rows[-1][1] += 1
        else:
            rows.append([gfn, 1, int(state)])
    return np.array([tuple(row) for row in rows], RUN)


@given(page_states, page_states)
def test_every_page_is_told_with_both_its_states(
    before: list[PageState], after: list[PageState]
) -> None:
    length = max(len(before), len(after))
    before, after = (one + [NONE] * (length - len(one)) for one in (before, after))
    rows = side_by_side(runs_of(before), runs_of(after))
    listed = {
        page: (row["before"], row["after"])
        for row in rows
        for page in range(int(row["gfn"]), int(row["gfn"] + row["npages"]))
    }
    pairs = dict(enumerate(zip(before, after, strict=True)))
    assert listed == {page: pair for page, pair in pairs.items() if pair != (NONE, NONE)}
    for left, right in pairwise(rows):
        is_next = left["gfn"] + left["npages"] == right["gfn"]
        is_alike = (left["before"], left["after"]) == (right["before"], right["after"])
        assert not (is_next and is_alike)
    matrix = transitions(rows)
    assert matrix.sum() == len(listed)
    changed = sum(int(row["npages"]) for row in differing(rows))
    assert changed == sum(a != b for a, b in listed.values()) == matrix.sum() - np.trace(matrix)


def test_nothing_and_nothing() -> None:
    assert len(side_by_side(runs_of([]), runs_of([]))) == 0
