"""Rasters and timelines against sums over every page and every instant."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.events import EVENT, ChangeArray, EventArray, RunArray, effect_time
from app.model.guest import Backing, Certainty, EventKind, Memslot, Outcome, PageState, To
from app.model.pagemap import PageMap
from app.model.raster import Grid, Raster, RasterSums, Timeline, TimelineSums
from app.model.raster._timeline import timeline
from tests.model.drawing import rasterise

PAGES = 40
"""Few enough to look at each."""

CALLED = 2 * PAGES
"""Calls reach up to here."""

SLOT = Memslot(0, 4, 32, 4, Backing.MIXED, Certainty.SEEN, 0)


def conversions(calls: list[tuple[int, int, int, int, int]]) -> EventArray:
    """(t, gfn, npages, to, outcome) each."""
    events = np.zeros(len(calls), EVENT)
    columns = list(zip(*calls, strict=True)) or [()] * 5
    for name, column in zip(("t", "gfn", "npages", "to", "outcome"), columns, strict=True):
        events[name] = column
    events["kind"], events["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    return events


@st.composite
def call_lists(draw: st.DrawFn) -> EventArray:
    times = sorted(draw(st.lists(st.integers(0, 100), max_size=12)))
    call = st.tuples(
        st.integers(0, PAGES - 1), st.integers(1, PAGES), st.integers(0, 1), st.integers(0, 2)
    )
    events = conversions([(t, *draw(call)) for t in times])
    is_fault = draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    events["kind"] = np.where(is_fault, EventKind.PAGE_FAULT, EventKind.CONVERSION)
    return events


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    edges = sorted(draw(st.sets(st.integers(0, 110), min_size=2, max_size=7)))
    borders = sorted(draw(st.sets(st.integers(0, PAGES), min_size=2, max_size=10)))
    rows = [pair for pair in pairwise(borders) if draw(st.integers(0, 3)) or pair[0] == borders[0]]
    return Grid(
        np.array(edges, np.int64),
        np.array([first for first, _ in rows], np.uint64),
        np.array([end for _, end in rows], np.uint64),
    )


def pages_of(page_map: PageMap) -> np.ndarray:
    """The state of each page."""
    pages = np.full(CALLED, PageState.NO_MEMSLOT)
    for gfn, npages, state in page_map.runs().tolist():
        pages[gfn : gfn + npages] = state
    return pages


def story(start: PageState, events: EventArray) -> tuple[RunArray, ChangeArray, list[np.ndarray]]:
    """Runs at the start, changes, and the pages as they are in each [t, t + 1) up to 110."""
    page_map = PageMap(start)
    page_map.set_memslot(SLOT)
    runs, changes, frames = page_map.runs(), [], []
    for t in range(110):
        due = events["t"] == t
        changes.append(page_map.apply(events[due].copy(), int(np.searchsorted(events["t"], t))))
        frames.append(pages_of(page_map))
    return runs, np.concatenate(changes), frames


def brute_raster(frames: list[np.ndarray], events: EventArray, grid: Grid) -> Raster:
    shape = grid.shape
    private, unknown, present = (np.zeros(shape, np.float32) for _ in range(3))
    calls, failed, faults, private_faults = (np.zeros(shape, np.uint32) for _ in range(4))
    is_call, is_fault = (events["kind"] == k for k in (EventKind.CONVERSION, EventKind.PAGE_FAULT))
    for row, (first, end) in enumerate(zip(grid.row_first, grid.row_end, strict=True)):
        for column in range(shape[1]):
            stretch = slice(grid.t_edges[column], grid.t_edges[column + 1])
            cell = np.array(frames[stretch])[:, int(first) : int(end)]
            private[row, column] = (cell == PageState.PRIVATE).mean()
            unknown[row, column] = (cell == PageState.UNKNOWN).mean()
            present[row, column] = (cell != PageState.NO_MEMSLOT).mean()
            touching = (events["gfn"] < end) & (events["gfn"] + events["npages"] > first)
            touching &= (events["t"] >= stretch.start) & (events["t"] < stretch.stop)
            calls[row, column] = (touching & is_call).sum()
            failed[row, column] = (touching & is_call & (events["outcome"] == Outcome.FAILED)).sum()
            faults[row, column] = (touching & is_fault).sum()
            private_faults[row, column] = (touching & is_fault & (events["to"] == To.PRIVATE)).sum()
    return Raster(private, unknown, present, calls, failed, faults, private_faults)


def assert_rasters_equal(ours: Raster, theirs: Raster) -> None:
    for name in ("private", "unknown", "present"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-6)
    for name in ("conversions", "failed", "page_faults", "private_faults"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)


laws = settings(deadline=None, max_examples=60)
starts = st.sampled_from([PageState.SHARED, PageState.UNKNOWN])


@laws
@given(starts, call_lists(), grids())
def test_raster_is_the_average_over_pages_and_time(
    start: PageState, events: EventArray, grid: Grid
) -> None:
    runs, changes, frames = story(start, events)
    raster = rasterise(runs, [changes], [events], grid)
    assert_rasters_equal(raster, brute_raster(frames, events, grid))


@laws
@given(starts, call_lists(), grids(), st.integers(0, 12))
def test_chunk_borders_never_matter(
    start: PageState, events: EventArray, grid: Grid, cut: int
) -> None:
    runs, changes, _ = story(start, events)
    whole = rasterise(runs, [changes], [events], grid)
    parts = rasterise(runs, [changes[:cut], changes[cut:]], [events[:cut], events[cut:]], grid)
    assert_rasters_equal(whole, parts)


def test_change_inside_a_column_counts_by_its_share_of_the_time() -> None:
    grid = Grid(np.array([0, 10, 20]), np.array([0], np.uint64), np.array([8], np.uint64))
    runs, changes, _ = story(PageState.SHARED, conversions([(4, 4, 2, To.PRIVATE, 0)]))
    raster = rasterise(runs, [changes], [], grid)
    np.testing.assert_allclose(raster.private, [[2 / 8 * 6 / 10, 2 / 8]], rtol=1e-6)
    np.testing.assert_allclose(raster.present, [[0.5, 0.5]])


def test_run_of_a_pebibyte_costs_two_steps_and_fills_every_row() -> None:
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(Memslot(0, 0, 1 << 38, 4, Backing.MIXED, Certainty.SEEN, 0))
    changes = page_map.apply(conversions([(5, 3, (1 << 38) - 3, To.PRIVATE, 0)]), 0)
    edges = np.linspace(0, 1 << 38, 513).astype(np.uint64)
    sums = RasterSums(Grid(np.array([0, 10]), edges[:-1], edges[1:]))
    sums.add_changes(changes)
    raster = sums.finish()
    assert (raster.private[1:] == 0.5).all()
    assert np.count_nonzero(sums.arrays.within) == 2


@pytest.mark.parametrize(
    ("edges", "first", "end"),
    [([0], [0], [1]), ([5, 5], [0], [1]), ([0, 1], [], []), ([0, 1], [0, 3], [4, 5])],
)
def test_grid_that_is_no_grid_is_refused(
    edges: list[int], first: list[int], end: list[int]
) -> None:
    with pytest.raises(ValueError, match="grid"):
        Grid(np.array(edges), np.array(first, np.uint64), np.array(end, np.uint64))


def brute_timeline(
    start: PageState,
    frames: list[np.ndarray],
    changes: ChangeArray,
    events: EventArray,
    edges: np.ndarray,
) -> dict[str, list[int]]:
    """All but the lanes of other kinds. The rest of the 2 MiB block is in the start state."""
    counts: dict[str, list[int]] = {name: [] for name in Timeline.__slots__ if name != "t_edges"}
    changing = set(changes["event"][changes["after"] < PageState.UNKNOWN].tolist())
    for left, right in pairwise(edges):
        inside = (effect_time(events) >= left) & (effect_time(events) < right)
        is_fault = inside & (events["kind"] == EventKind.PAGE_FAULT)
        counts["page_faults"].append(int(is_fault.sum()))
        counts["private_faults"].append(int((is_fault & (events["to"] == To.PRIVATE)).sum()))
        inside &= ~is_fault
        applied = inside & (events["outcome"] == Outcome.APPLIED)
        private, shared = events["to"] == To.PRIVATE, events["to"] == To.SHARED
        counts["to_private"].append(int((applied & private).sum()))
        counts["to_shared"].append(int((applied & shared).sum()))
        counts["failed"].append(int((inside & (events["outcome"] == Outcome.FAILED)).sum()))
        unconfirmed = inside & (events["outcome"] == Outcome.UNCONFIRMED)
        counts["unconfirmed"].append(int(unconfirmed.sum()))
        learnt = (changes["before"] == PageState.UNKNOWN) & (changes["after"] < PageState.UNKNOWN)
        now = set(np.flatnonzero(inside).tolist())
        learning = len(now & set(changes["event"][learnt].tolist()))
        counts["uncertain"].append(int(unconfirmed.sum()) + learning)
        counts["to_unknown"].append(0)
        counts["unplaced"].append(0)
        counts["noop"].append(sum(i not in changing for i in np.flatnonzero(applied).tolist()))
        effective = events["effective_pages"]
        counts["pages_to_private"].append(int(effective[applied & private].sum()))
        counts["pages_to_shared"].append(int(effective[applied & shared].sum()))
        last = frames[right - 1]
        counts["private"].append(int((last == PageState.PRIVATE).sum()))
        counts["shared"].append(int((last == PageState.SHARED).sum()))
        counts["unknown"].append(int((last == PageState.UNKNOWN).sum()))
        states = {PageState.PRIVATE, PageState.SHARED}
        counts["mixed_2m"].append(int(states <= {*last.tolist(), start}))
    return counts


@laws
@given(starts, call_lists(), st.sets(st.integers(0, 110), min_size=2, max_size=7))
def test_timeline_counts_every_call_and_page(
    start: PageState, events: EventArray, edges: set[int]
) -> None:
    page_map = PageMap(start)
    page_map.set_memslot(Memslot(0, 0, CALLED, 4, Backing.MIXED, Certainty.SEEN, 0))
    totals, frames, changes = page_map.totals(), [], []
    for t in range(110):
        due = np.flatnonzero(events["t"] == t)
        if len(due):
            batch = events[due]
            changes.append(page_map.apply(batch, int(due[0])))
            events[due] = batch
        frames.append(pages_of(page_map))
    rows = np.concatenate([page_map.apply(events[:0], 0), *changes])
    t_edges = np.array(sorted(edges), np.int64)
    ours = timeline(totals, 0, [rows], [events], t_edges)
    expected = brute_timeline(start, frames, rows, events, t_edges)
    for name, counts in expected.items():
        if counts:
            assert getattr(ours, name).tolist() == counts, name


def test_other_kinds_of_events_have_their_own_lanes() -> None:
    events = np.zeros(6, EVENT)
    events["t"] = [1, 2, 3, 11, 12, 20]
    kinds = [EventKind.PAGE_FAULT, EventKind.HYPERCALL, EventKind.MEMORY_FAULT]
    events["kind"] = [*kinds, EventKind.PAGE_FAULT, EventKind.PUNCH_HOLE, EventKind.PAGE_FAULT]
    sums = TimelineSums(np.array([0, 10, 20]))
    sums.add_events(events)
    lanes = sums.finish()
    assert lanes.page_faults.tolist() == [1, 1]
    assert lanes.hypercalls.tolist() == [1, 0]
    assert lanes.memory_faults.tolist() == [1, 0]
    assert lanes.to_private.tolist() == [0, 0]


def test_conversions_of_unknown_direction_or_range_have_their_own_lane() -> None:
    events = np.zeros(4, EVENT)
    events["t"], events["kind"] = [1, 2, 3, 4], EventKind.CONVERSION
    events["to"], events["npages"] = [To.UNKNOWN, To.UNKNOWN, To.PRIVATE, To.UNKNOWN], [0, 1, 1, 0]
    events["range_certainty"] = [Certainty.UNKNOWN, Certainty.SEEN, Certainty.SEEN, 0]
    events["outcome"][3] = Outcome.FAILED
    sums = TimelineSums(np.array([0, 10]))
    sums.add_events(events)
    lanes = sums.finish()
    counted = (lanes.to_private[0], lanes.to_shared[0], lanes.to_unknown[0], lanes.failed[0])
    assert counted == (1, 0, 2, 1)
    assert lanes.requested.tolist() == [4]
    assert (lanes.uncertain[0], lanes.unplaced[0], lanes.noop[0]) == (2, 2, 1)


def test_doubts_are_no_conversions_but_leave_open_what_changed() -> None:
    events = np.zeros(4, EVENT)
    events["t"], events["kind"] = [1, 2, 3, 11], EventKind.DOUBT
    events["kind"][0], events["range_certainty"][:2] = EventKind.CONVERSION, Certainty.SEEN
    events["outcome"][1:] = Outcome.UNCONFIRMED
    sums = TimelineSums(np.array([0, 10, 20, 30]))
    sums.add_events(events)
    lanes = sums.finish()
    assert lanes.requested.tolist() == [1, 0, 0]
    assert (lanes.uncertain.tolist(), lanes.doubts.tolist()) == ([0, 0, 0], [2, 1, 0])
    assert (lanes.unconfirmed.tolist(), lanes.unplaced.tolist()) == ([0, 0, 0], [0, 0, 0])
    assert lanes.leaves_open.tolist() == [True, True, False]
