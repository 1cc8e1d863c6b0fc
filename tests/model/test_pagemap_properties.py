"""The laws of the page map, against one so plain that it can only be right."""

import numpy as np
from hypothesis import assume, given, settings, strategies as st

from app.model.events import CHANGE, EVENT, ChangeArray
from app.model.guest import GFN_LIMIT, PAGES_PER_2M, EventKind, PageState
from app.model.pagemap import PageMap
from tests.model.stories import (
    SEGMENTS,
    BruteMap,
    Step,
    apply_step,
    is_in_doubt,
    starts,
    steps,
    tell_all,
    tell_brute,
)


def redraw(drawn: dict[tuple[int, int], PageState], changes: ChangeArray) -> None:
    """Do the rows to what is drawn; each must find what it states was there."""
    for change in changes[changes["in_memslot"]]:
        first, end = int(change["gfn"]), int(change["gfn"] + change["npages"])
        for segment in SEGMENTS:
            if segment[0] < end and segment[1] > first:
                assert first <= segment[0] and segment[1] <= end, "a row ends inside a segment"
                assert drawn[segment] == change["before"]
                drawn[segment] = PageState(change["after"])


def change_mixed(mixed: set[int], changes: ChangeArray) -> None:
    """Do the rows to a set of mixed blocks; each is of the block that it ends in."""
    for change in changes[changes["mixed_delta"] != 0]:
        block = (int(change["gfn"] + change["npages"]) - 1) // PAGES_PER_2M
        assert {1: block not in mixed, -1: block in mixed}[int(change["mixed_delta"])]
        mixed ^= {block}


def assert_attributes(page_map: PageMap, brute: BruteMap) -> None:
    """Inside memslots or not: what is listed is so."""
    for gfn, npages, state in page_map.runs(within_memslots=False).tolist():
        for segment in SEGMENTS:
            if gfn <= segment[0] < gfn + npages:
                assert brute.state[segment] == state


def assert_same_state(page_map: PageMap, other: PageMap) -> None:
    np.testing.assert_array_equal(page_map.runs(), other.runs())
    everywhere = page_map.runs(within_memslots=False)
    np.testing.assert_array_equal(everywhere, other.runs(within_memslots=False))
    assert page_map.totals() == other.totals()
    assert page_map.mixed_blocks == other.mixed_blocks
    assert page_map.layout_is_known == other.layout_is_known
    assert page_map.memslots == other.memslots


laws = settings(deadline=None, max_examples=150)


@laws
@given(starts, steps())
def test_state_rows_sums_and_mixed_blocks_equal_the_brute_force(
    start: PageState, story: list[Step]
) -> None:
    page_map, brute = PageMap(start), BruteMap(start)
    drawn = brute.drawn()
    mixed: set[int] = set()
    for seq, step in enumerate(story):
        changes = apply_step(page_map, step, seq)
        effective = tell_brute(brute, step)
        redraw(drawn, changes)
        assert drawn == brute.drawn()
        np.testing.assert_array_equal(page_map.runs(), brute.runs())
        assert_attributes(page_map, brute)
        change_mixed(mixed, changes)
        assert mixed == brute.mixed_blocks()
        assert page_map.mixed_blocks == len(mixed)
        assert page_map.mixed_in(0, GFN_LIMIT).tolist() == sorted(mixed)
        totals, runs = page_map.totals(), brute.runs()
        for state, pages in zip(
            (PageState.PRIVATE, PageState.SHARED, PageState.UNKNOWN),
            (totals.private, totals.shared, totals.unknown),
            strict=True,
        ):
            assert pages == runs["npages"][runs["state"] == state].sum()
        if step.events is not None:
            assert step.events["effective_pages"][0] == effective
            is_reading = step.events["kind"][0] == EventKind.STATE_READ
            assert (changes["event"] == (-1 if is_reading else seq)).all()


@laws
@given(starts, steps(), st.integers(0, 25))
def test_keyframe_and_changes_give_the_state_at_the_end(
    start: PageState, story: list[Step], cut: int
) -> None:
    page_map = PageMap(start)
    tell_all(page_map, story[:cut])
    seeking = PageMap.from_bytes(page_map.to_bytes(), page_map.memslots)
    assert_same_state(seeking, page_map)
    changes = tell_all(page_map, story[cut:])
    seeking.replay(np.concatenate([np.empty(0, CHANGE), *changes]), page_map.memslots)
    assert_same_state(seeking, page_map)


@laws
@given(starts, steps(), st.integers(0, 25))
def test_a_map_read_back_from_a_keyframe_goes_on_alike(
    start: PageState, story: list[Step], cut: int
) -> None:
    """A keyframe keeps what pages are, not that a loss is under way: only rows follow on one."""
    assume(not is_in_doubt(story, cut))
    page_map = PageMap(start)
    tell_all(page_map, story[:cut])
    other = PageMap.from_bytes(page_map.to_bytes(), page_map.memslots)
    for ours, theirs in zip(
        tell_all(page_map, story[cut:]), tell_all(other, story[cut:]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@laws
@given(starts, steps())
def test_batch_borders_never_matter(start: PageState, story: list[Step]) -> None:
    events = np.concatenate(
        [np.empty(0, EVENT), *(s.events for s in story if s.events is not None)]
    )
    together, one_by_one = PageMap(start), PageMap(start)
    batch, single = events.copy(), events.copy()
    changes = together.apply(batch, 7)
    rows = [one_by_one.apply(single[i : i + 1], 7 + i) for i in range(len(single))]
    np.testing.assert_array_equal(changes, np.concatenate([np.empty(0, CHANGE), *rows]))
    np.testing.assert_array_equal(batch, single)
    assert_same_state(together, one_by_one)
