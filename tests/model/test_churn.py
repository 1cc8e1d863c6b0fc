"""Returns and mixed blocks of a map against sums over every page and every instant."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, ChangeArray, EventArray, RunArray
from app.model.guest import PAGES_PER_2M, Backing, Certainty, EventKind, Memslot, Outcome, PageState
from app.model.pagemap import PageMap
from app.model.pagemap._tree import DEFAULT
from app.model.raster import Churn, ChurnSums, Grid, add_summary, summarise
from app.model.stats import FlipHistory
from tests.model.drawing import churn

PAGES = 2048
TIMES = 64
SLOT = Memslot(0, 70, 1500, 4, Backing.MIXED, Certainty.SEEN, 0)
"""Begins and ends within a block; another block is not in it at all."""
QUANTUM, BLOCK = 3, 8
LOSSES = (EventKind.LOSS_BEGIN, EventKind.LOSS_END)


@st.composite
def event_lists(draw: st.DrawFn) -> EventArray:
    times = sorted(draw(st.lists(st.integers(0, TIMES - 1), max_size=14)))
    events = np.zeros(len(times), EVENT)
    events["t"] = times
    for event in events:
        event["gfn"] = draw(st.integers(0, PAGES - 1))
        event["npages"] = draw(st.sampled_from([1, 3, 64, 500, 512, 1024, PAGES]))
        event["to"], event["outcome"] = (
            draw(st.integers(0, 1)),
            draw(st.sampled_from([0, 0, 0, 1, 2])),
        )
        event["kind"] = draw(st.sampled_from([*[EventKind.CONVERSION] * 9, *LOSSES]))
    events["range_certainty"] = Certainty.SEEN
    return events


@st.composite
def grids(draw: st.DrawFn, quantum: int = 0, block: int = 0) -> Grid:
    times = st.sets(st.integers(0, TIMES >> quantum), min_size=2, max_size=6)
    edges = np.array(sorted(draw(times)), np.int64) << quantum
    gfns = st.sets(st.integers(0, PAGES >> block), min_size=2, max_size=8)
    borders = sorted(border << block for border in draw(gfns))
    rows = [pair for pair in pairwise(borders) if pair[0] == borders[0] or draw(st.booleans())]
    first, end = np.array(rows, np.uint64).T
    return Grid(edges, first, end)


class Told:
    """A story: what the map states of it, and by [time, page] what was so and what happened."""

    def __init__(self, start: PageState, events: EventArray) -> None:
        self.events = events
        page_map, history = PageMap(start), FlipHistory()
        history.mark(page_map.set_memslot(SLOT))
        self.runs: RunArray = page_map.runs()
        self.blocks = page_map.mixed_in(0, PAGES)
        parts = [page_map.apply(events[:0], 0)]
        self.mixed = np.zeros((TIMES, PAGES), np.bool_)
        self.returns = np.zeros((TIMES, PAGES), np.int64)
        flipped, attributes = np.zeros(PAGES, np.bool_), np.full(PAGES, start)
        for t in range(TIMES):
            for seq in np.flatnonzero(events["t"] == t).tolist():
                parts.append(history.mark(page_map.apply(events[seq : seq + 1], seq)).copy())
                before, attributes = attributes, attributes_of(page_map, attributes)
                is_flip = (before + attributes == 1) & (before < 2) & (attributes < 2)
                self.returns[t] += is_flip & flipped
                flipped |= is_flip
            self.mixed[t] = mixed_pages(attributes)
        self.returns[:, ~IN_SLOT] = 0
        self.changes: ChangeArray = np.concatenate(parts)

    def brute(self, grid: Grid) -> Churn:
        mixed, unknown = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
        present, returns = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.int64)
        for row, pages in enumerate(zip(grid.row_first, grid.row_end, strict=True)):
            for column, (left, right) in enumerate(pairwise(grid.t_edges)):
                cell = slice(left, right), slice(int(pages[0]), int(pages[1]))
                mixed[row, column] = self.mixed[cell].mean()
                present[row, column] = IN_SLOT[cell[1]].mean()
                returns[row, column] = self.returns[cell].sum()
        return Churn(mixed, unknown, present, returns)


IN_SLOT = (np.arange(PAGES) >= SLOT.base_gfn) & (np.arange(PAGES) < SLOT.end_gfn)


def attributes_of(page_map: PageMap, before: np.ndarray) -> np.ndarray:
    """Of each page; what the map does not list is as it was at the start, or was forgotten."""
    pages = np.full(PAGES, page_map.tree.meta[DEFAULT])
    for gfn, npages, state in page_map.runs(within_memslots=False).tolist():
        pages[gfn : gfn + npages] = state
    return pages


def mixed_pages(attributes: np.ndarray) -> np.ndarray:
    """Which pages lie in a block that a memslot meets and that holds both kinds."""
    blocks = attributes.reshape(-1, PAGES_PER_2M)
    has_both = (blocks == PageState.PRIVATE).any(axis=1) & (blocks == PageState.SHARED).any(axis=1)
    return np.repeat(has_both & IN_SLOT.reshape(blocks.shape).any(axis=1), PAGES_PER_2M)


def assert_same(ours: Churn, theirs: Churn) -> None:
    for name in ("mixed", "present"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(ours.returns, theirs.returns)


laws = settings(deadline=None, max_examples=60)
starts = st.sampled_from([PageState.SHARED, PageState.UNKNOWN])


@laws
@given(starts, event_lists(), grids())
def test_churn_is_the_sum_over_pages_and_time(
    start: PageState, events: EventArray, grid: Grid
) -> None:
    story = Told(start, events)
    assert_same(churn(story.runs, story.blocks, [story.changes], grid), story.brute(grid))


@laws
@given(starts, event_lists(), st.integers(0, 20), grids(QUANTUM + 1, BLOCK))
def test_churn_of_summaries_is_that_of_their_changes(
    start: PageState, events: EventArray, cut: int, grid: Grid
) -> None:
    story = Told(start, events)
    sums = ChurnSums(grid)
    sums.add_start(story.runs, story.blocks)
    for part, shifts in ((story.changes[:cut], 0), (story.changes[cut:], 1)):
        add_summary(sums, summarise(part, events[:0], QUANTUM + shifts, BLOCK - shifts))
    assert_same(sums.finish(), story.brute(grid))


def test_a_failed_call_returns_nothing() -> None:
    events = np.zeros(3, EVENT)
    events["t"], events["gfn"], events["npages"] = [1, 2, 3], 100, 4
    events["to"], events["range_certainty"] = [1, 0, 0], Certainty.SEEN
    events["kind"], events["outcome"] = EventKind.CONVERSION, [Outcome.APPLIED, 1, Outcome.APPLIED]
    story = Told(PageState.SHARED, events)
    grid = Grid(np.array([0, 2, 3, 9]), np.array([0], np.uint64), np.array([512], np.uint64))
    drawn = churn(story.runs, story.blocks, [story.changes], grid)
    assert drawn.returns.tolist() == [[0, 0, 4]]
    assert drawn.mixed.tolist() == [[0.5, 1, 0]]
