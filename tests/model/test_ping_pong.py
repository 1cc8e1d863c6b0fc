"""Returns against a set of every page that was flipped."""

import tracemalloc

import numpy as np
from hypothesis import given, settings

from app.model.events import CHANGE, ChangeArray
from app.model.guest import GFN_LIMIT, EventKind, PageState
from app.model.pagemap import PageMap
from app.model.stats import FlipHistory
from app.model.stats._ping_pong import mixed_runs
from tests.model.stories import (
    LEAF,
    SEGMENTS,
    BruteMap,
    Step,
    apply_step,
    starts,
    steps,
    tell_brute,
)

BOTH = {PageState.SHARED, PageState.PRIVATE}


def flip(first: int, end: int, event: int = 0, mixed_delta: int = 0) -> ChangeArray:
    row = np.zeros(1, CHANGE)
    row["gfn"], row["npages"], row["event"] = first, end - first, event
    row["after"], row["in_memslot"], row["mixed_delta"] = PageState.PRIVATE, True, mixed_delta
    return row


def listed(rows: ChangeArray) -> list[tuple[int, int, bool]]:
    return [
        (gfn, gfn + npages, is_return)
        for gfn, npages, is_return in rows[["gfn", "npages", "is_return"]]
    ]


@settings(deadline=None, max_examples=100)
@given(starts, steps())
def test_a_flip_is_a_return_if_the_page_was_flipped_before(
    start: PageState, story: list[Step]
) -> None:
    page_map, brute, history = PageMap(start), BruteMap(start), FlipHistory()
    flipped: set[tuple[int, int]] = set()
    for seq, step in enumerate(story):
        before, rows = dict(brute.state), apply_step(page_map, step, seq)
        tell_brute(brute, step)
        marked = history.mark(rows)
        assert marked["npages"].sum() == rows["npages"].sum()
        assert marked["mixed_delta"].sum() == rows["mixed_delta"].sum()
        is_call = step.events is not None and step.events["kind"][0] == EventKind.CONVERSION
        for segment in SEGMENTS:
            is_flip = is_call and {before[segment], brute.state[segment]} == BOTH
            covering = marked[(marked["gfn"] <= segment[0]) & marked["is_return"]]
            covering = covering[covering["gfn"] + covering["npages"] >= segment[1]]
            assert len(covering) == (is_flip and segment in flipped)
            if is_flip:
                flipped.add(segment)


def test_a_run_is_divided_where_some_of_it_had_been_flipped() -> None:
    history = FlipHistory()
    assert listed(history.mark(flip(100, 200))) == [(100, 200, False)]
    rows = history.mark(flip(0, 300, mixed_delta=1))
    assert listed(rows) == [(0, 100, False), (100, 200, True), (200, 300, False)]
    assert rows["mixed_delta"].tolist() == [0, 0, 1]
    assert listed(history.mark(flip(0, 300))) == [(0, 300, True)]


def test_many_parts_in_many_gib_find_room() -> None:
    history = FlipHistory()
    pages = [flip(page, page + 1) for page in range(1, 9 * LEAF, 3001)]
    history.mark(np.concatenate(pages))
    rows = history.mark(flip(0, 10 * LEAF))
    assert len(rows) == 2 * len(pages) + 1
    assert rows["npages"][rows["is_return"]].tolist() == [1] * len(pages)
    assert listed(history.mark(flip(0, 11 * LEAF))) == [
        (0, 10 * LEAF, True),
        (10 * LEAF, 11 * LEAF, False),
    ]


def test_what_no_conversion_did_is_no_return() -> None:
    history = FlipHistory()
    history.mark(flip(0, 8))
    assert listed(history.mark(flip(0, 8, event=-1))) == [(0, 8, False)]
    to_unknown = flip(0, 8)
    to_unknown["after"] = PageState.UNKNOWN
    assert listed(history.mark(to_unknown)) == [(0, 8, False)]


def test_a_divided_run_broke_its_block_as_a_whole() -> None:
    history, rows = (
        FlipHistory(),
        np.concatenate((flip(8, 9), flip(0, 300, 1, 1), flip(300, 400, 2))),
    )
    marked = history.mark(rows.copy())
    assert len(marked) == len(rows) + 2
    np.testing.assert_array_equal(
        mixed_runs(marked)[["gfn", "npages"]], rows[1:2][["gfn", "npages"]]
    )
    assert len(mixed_runs(marked[:0])) == 0


def test_a_history_takes_no_memory_for_what_was_never_flipped() -> None:
    """There may be thousands of VMs, whose zeroed arrays need not be lazy ones."""
    tracemalloc.start()
    try:
        history = FlipHistory()
        fresh, _ = tracemalloc.get_traced_memory()
        history.mark(flip(LEAF - 10, LEAF + 10))
        history.mark(flip(3 * LEAF, 3 * LEAF + 10))
        flipped, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fresh < 1 << 14
    assert flipped < 1 << 20


def test_pages_at_the_end_of_the_address_space_may_be_flipped() -> None:
    history, end = FlipHistory(), GFN_LIMIT
    assert listed(history.mark(flip(0, 1))) == [(0, 1, False)]
    assert listed(history.mark(flip(end - 10, end))) == [(end - 10, end, False)]
    assert listed(history.mark(flip(end - 5, end))) == [(end - 5, end, True)]
