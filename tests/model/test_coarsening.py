"""Summaries made coarser, against what summarising everything at once makes."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from app.model.events import EVENT, ChangeArray, EventArray
from app.model.guest import PageState
from app.model.raster import (
    CELL,
    NO_BLOCKS,
    ChurnSums,
    Grid,
    Raster,
    RasterSums,
    Summary,
    add_summary,
    coarsen,
    coarsen_timelines,
    summarise,
    summarise_timeline,
    tile_of,
)
from tests.model.drawing import rasterise
from tests.model.test_summary import (
    BLOCK,
    QUANTUM,
    assert_rasters_equal,
    events_in_order,
    grids,
    laws,
    raster_of,
    starts,
    story,
)

PIECES = st.lists(st.integers(0, 15), max_size=5).map(sorted)


def in_pieces(
    changes: ChangeArray, events: EventArray, cuts: list[int]
) -> list[tuple[ChangeArray, EventArray]]:
    """Divided as segments are."""
    borders = [0, *cuts, len(events)]
    pieces = []
    for first, end in pairwise(sorted(min(border, len(events)) for border in borders)):
        is_in = (changes["event"] >= first) & (changes["event"] < end)
        pieces.append((changes[is_in], events[first:end]))
    return pieces


def assert_summaries_equal(ours: Summary, theirs: Summary) -> None:
    assert (ours.quantum_shift, ours.block_shift) == (theirs.quantum_shift, theirs.block_shift)
    for each in (ours.cells, theirs.cells):
        order = each["quantum"] * (1 << 40) + each["block"]
        assert (np.diff(order) > 0).all()
    these, those = with_something(ours), with_something(theirs)
    for name in CELL.names or ():
        np.testing.assert_array_equal(these[name], those[name], name)


def with_something(summary: Summary) -> npt.NDArray[np.void]:
    """What was undone within a cell may leave it empty, or it may never have been made."""
    cells = summary.cells
    names = ("steps", "gfns", "times", "products", "starts", "crossings")
    return cells[np.any([cells[name].any(axis=1) for name in names], axis=0)]


@laws
@given(
    starts,
    events_in_order(),
    PIECES,
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 3),
)
def test_coarse_summary_is_that_of_all_changes_in_whatever_order_it_is_made(
    start: PageState,
    events: EventArray,
    cuts: list[int],
    quanta: int,
    blocks: int,
    more_quanta: int,
    more_blocks: int,
) -> None:
    _, changes = story(start, events)
    pieces = in_pieces(changes, events, cuts)
    fine = [summarise(*piece, QUANTUM, BLOCK) for piece in pieces]
    half = coarsen(fine[:2], QUANTUM + quanta, BLOCK + blocks)
    shifts = QUANTUM + quanta + more_quanta, BLOCK + blocks + more_blocks
    whole = summarise(changes, events, *shifts)
    assert_summaries_equal(coarsen(fine, *shifts), whole)
    assert_summaries_equal(coarsen([*fine[2:][::-1], half], *shifts), whole)


@laws
@given(starts, events_in_order(), PIECES, st.integers(0, 6))
def test_coarse_timeline_is_that_of_all_events(
    start: PageState, events: EventArray, cuts: list[int], quanta: int
) -> None:
    _, changes = story(start, events)
    fine = [summarise_timeline(*piece, QUANTUM) for piece in in_pieces(changes, events, cuts)]
    ours = coarsen_timelines(fine, QUANTUM + quanta)
    theirs = summarise_timeline(changes, events, QUANTUM + quanta)
    assert ours.quanta.tolist() == theirs.quanta.tolist()
    np.testing.assert_array_equal(ours.counts, theirs.counts)


@laws
@given(starts, events_in_order(), grids(QUANTUM, BLOCK))
def test_tile_draws_its_blocks_as_the_whole_does(
    start: PageState, events: EventArray, grid: Grid
) -> None:
    runs, changes = story(start, events)
    summary = summarise(changes, events, QUANTUM, BLOCK)
    first, end = int(grid.row_first[0]) >> BLOCK, int(grid.row_end[-1]) >> BLOCK
    tile = tile_of(summary, first, end)
    assert tile.cells["block"].min(initial=first) >= first - 1
    assert tile.cells["block"].max(initial=first) < max(end, first + 1)
    assert_rasters_equal(raster_of(runs, [tile], grid), rasterise(runs, [changes], [events], grid))
    churn = churn_of([tile], grid)
    for name, measure in churn_of([summary], grid).items():
        np.testing.assert_allclose(churn[name], measure, rtol=0, atol=1e-6, err_msg=name)


def churn_of(summaries: list[Summary], grid: Grid) -> dict[str, npt.NDArray[np.float64]]:
    sums = ChurnSums(grid)
    for summary in summaries:
        add_summary(sums, summary)
    drawn = sums.finish()
    return {"mixed": drawn.mixed.astype(float), "returns": drawn.returns.astype(float)}


@laws
@given(starts, events_in_order(), grids(QUANTUM + 2, BLOCK + 1), PIECES)
def test_raster_of_a_coarse_summary_is_the_raster_of_its_changes(
    start: PageState, events: EventArray, grid: Grid, cuts: list[int]
) -> None:
    runs, changes = story(start, events)
    fine = [summarise(*piece, QUANTUM, BLOCK) for piece in in_pieces(changes, events, cuts)]
    coarse = coarsen(fine, QUANTUM + 2, BLOCK + 1)
    drawn: Raster = raster_of(runs, [coarse], grid)
    assert_rasters_equal(drawn, rasterise(runs, [changes], [events], grid))
    sums = RasterSums(grid)
    sums.add_start(runs, NO_BLOCKS)
    for one in fine:
        add_summary(sums, one)
    np.testing.assert_array_equal(sums.finish().conversions, drawn.conversions)


def test_nothing_is_made_finer() -> None:
    events = np.zeros(0, EVENT)
    _, changes = story(PageState.SHARED, events)
    with pytest.raises(ValueError, match="finer"):
        coarsen([summarise(changes, events, 5, 5)], 4, 5)
    with pytest.raises(ValueError, match="finer"):
        coarsen([summarise(changes, events, 5, 5)], 5, 4)
    with pytest.raises(ValueError, match="finer"):
        coarsen_timelines([summarise_timeline(changes, events, 5)], 4)
