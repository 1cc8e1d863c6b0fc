"""Summaries against rasters drawn from the changes themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, ChangeArray, EventArray, RunArray
from app.model.guest import Backing, Certainty, EventKind, Memslot, PageState
from app.model.pagemap import PageMap
from app.model.raster import NO_BLOCKS, Grid, Raster, RasterSums, Summary, add_summary, summarise
from tests.model.drawing import rasterise

PAGES = 4096
TIMES = 1 << 12
QUANTUM, BLOCK = 4, 5
"""Shifts of the finest summaries below."""


@st.composite
def events_in_order(draw: st.DrawFn) -> EventArray:
    times = sorted(draw(st.lists(st.integers(0, TIMES), max_size=15)))
    events = np.zeros(len(times), EVENT)
    events["t"] = times
    for event in events:
        event["gfn"] = draw(st.integers(0, PAGES - 1))
        event["npages"] = draw(st.sampled_from([1, 2, 31, 32, 33, 512, PAGES]))
        event["to"], event["outcome"] = draw(st.integers(0, 1)), draw(st.integers(0, 2))
        event["range_certainty"] = draw(st.sampled_from([2, 2, 2, 2, 1, 0]))
        event["kind"] = draw(st.sampled_from([EventKind.CONVERSION, EventKind.PAGE_FAULT]))
    return events


@st.composite
def grids(draw: st.DrawFn, quantum: int, block: int) -> Grid:
    """On borders of quanta and blocks, with holes."""
    times = st.sets(st.integers(0, TIMES >> quantum), min_size=2, max_size=6)
    edges = np.array(sorted(draw(times)), np.int64) << quantum
    gfns = st.sets(st.integers(0, PAGES >> block), min_size=2, max_size=8)
    borders = sorted(border << block for border in draw(gfns))
    rows = [pair for pair in pairwise(borders) if pair[0] == borders[0] or draw(st.booleans())]
    first, end = np.array(rows, np.uint64).T
    return Grid(edges, first, end)


def story(start: PageState, events: EventArray) -> tuple[RunArray, ChangeArray]:
    page_map = PageMap(start)
    page_map.set_memslot(Memslot(0, 70, 3000, 4, Backing.MIXED, Certainty.SEEN, 0))
    page_map.set_memslot(Memslot(1, 3500, 596, 0, Backing.HVA, Certainty.SEEN, 0))
    runs = page_map.runs()
    return runs, page_map.apply(events, 0).copy()


def assert_rasters_equal(ours: Raster, theirs: Raster) -> None:
    for name in ("private", "unknown", "present"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-6)
    for name in ("conversions", "failed", "page_faults", "private_faults"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)


def raster_of(start: RunArray, summaries: list[Summary], grid: Grid) -> Raster:
    sums = RasterSums(grid)
    sums.add_start(start, NO_BLOCKS)
    for summary in summaries:
        add_summary(sums, summary)
    return sums.finish()


laws = settings(deadline=None, max_examples=100)
starts = st.sampled_from([PageState.SHARED, PageState.UNKNOWN])


@laws
@given(starts, events_in_order(), grids(QUANTUM, BLOCK))
def test_raster_of_a_summary_is_the_raster_of_its_changes(
    start: PageState, events: EventArray, grid: Grid
) -> None:
    runs, changes = story(start, events)
    summary = summarise(changes, events, QUANTUM, BLOCK)
    raster = raster_of(runs, [summary], grid)
    assert_rasters_equal(raster, rasterise(runs, [changes], [events], grid))


@laws
@given(
    starts,
    events_in_order(),
    st.integers(0, 15),
    st.integers(0, 3),
    st.integers(0, 3),
    grids(QUANTUM + 3, BLOCK + 3),
)
def test_summaries_of_segments_add_up_whatever_their_shifts(
    start: PageState, events: EventArray, cut: int, quanta: int, blocks: int, grid: Grid
) -> None:
    runs, changes = story(start, events)
    early = changes["event"] < cut
    parts = [
        summarise(changes[early], events[:cut], QUANTUM, BLOCK),
        summarise(changes[~early], events[cut:], QUANTUM + quanta, BLOCK + blocks),
    ]
    assert_rasters_equal(raster_of(runs, parts, grid), rasterise(runs, [changes], [events], grid))


def test_grid_between_borders_is_refused() -> None:
    runs, changes = story(PageState.SHARED, np.zeros(0, EVENT))
    summary = summarise(changes, np.zeros(0, EVENT), QUANTUM, BLOCK)
    grid = Grid(np.array([0, 17]), np.array([0], np.uint64), np.array([32], np.uint64))
    with pytest.raises(ValueError, match="borders"):
        raster_of(runs, [summary], grid)


def test_more_cells_than_first_thought_are_all_kept() -> None:
    events = np.zeros(30_000, EVENT)
    events["t"] = np.arange(len(events))
    events["gfn"] = np.arange(len(events)) * 64
    events["npages"], events["kind"] = 1, EventKind.CONVERSION
    events["range_certainty"] = Certainty.SEEN
    summary = summarise(story(PageState.SHARED, events[:0])[1], events, 0, 5)
    assert len(summary.cells) == len(events)
    assert (summary.cells["starts"][:, 0] == 1).all()
