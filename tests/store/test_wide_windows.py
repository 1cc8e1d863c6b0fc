"""Zoomed-out views: drawn from summaries, and the same as from the changes themselves."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Engine

from app.model.events import EventArray, effect_time
from app.model.guest import PAGES_PER_2M
from app.model.raster import ChurnSums, Grid, Raster, RasterSums
from app.model.raster._timeline import timeline
from app.store.errors import StoreError
from app.store.read import Reader, _grid_snapping as fitting, _raster as drawing
from app.store.read._raster import is_on_quanta
from app.store.write import RecordingWriter
from tests.model.drawing import churn, rasterise
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

GUEST_PAGES = 1 << 20


@pytest.fixture
def vm_id(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> int:
    """A VM with a large memslot, a small one apart from it, and many segments."""
    monkeypatch.setattr(fitting, "EXACT_EVENTS", 500)
    with RecordingWriter(engine, HEADER, segment_events=400) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
        writer.append(vm, scattered_events(6_000))
    return vm


def scattered_events(count: int) -> EventArray:
    events = random_events(count, guest_pages=8 * PAGES_PER_2M)
    events["gfn"] = events["gfn"] * 261 % GUEST_PAGES
    small = np.flatnonzero(events["npages"] == 1)[::40]
    events["gfn"][small] = 2 * GUEST_PAGES + small % 64
    return events


def grid_of(end_t: int, columns: int, rows: int) -> Grid:
    """Rows of the large slot, then four of the small one."""
    borders = np.linspace(0, GUEST_PAGES, rows + 1).astype(np.uint64)
    small = 2 * GUEST_PAGES + np.arange(0, 65, 16, dtype=np.uint64)
    return Grid(
        np.linspace(0, end_t, columns + 1).astype(np.int64),
        np.concatenate([borders[:-1], small[:-1]]),
        np.concatenate([borders[1:], small[1:]]),
    )


def from_changes(reader: Reader, vm: int, grid: Grid) -> Raster:
    changes = reader.iter_changes(vm)
    events = (events for events, _ in reader.iter_events(vm))
    return rasterise(reader.page_map_at(vm, -1).runs(), changes, events, grid)


def assert_same(ours: Raster, expected: Raster) -> None:
    for name in ("private", "unknown", "present"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), atol=1e-5)
    for name in ("conversions", "failed", "page_faults", "private_faults"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)


def assert_churn_exact(reader: Reader, vm: int, grid: Grid) -> None:
    before = reader.page_map_at(vm, -1)
    blocks = before.mixed_in(0, 4 * GUEST_PAGES)
    expected = churn(before.runs(), blocks, reader.iter_changes(vm), grid)
    ours = reader.churn(vm, grid)
    for name in ("mixed", "unknown", "present"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), atol=1e-5)
    np.testing.assert_array_equal(ours.returns, expected.returns)
    assert ours.returns.any()
    assert ours.mixed.any()


def end_of(reader: Reader, vm: int) -> int:
    return reader.span(vm)[1] + 1


def test_a_fitted_raster_comes_from_summaries_and_is_exact(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    wanted = grid_of(end_of(reader, vm_id), columns=40, rows=32)
    grid = reader.fit(vm_id, wanted)
    assert grid.shape[0] == wanted.shape[0]
    assert 20 < grid.shape[1] <= 40
    assert len(set(np.diff(grid.t_edges))) == 1
    assert grid.t_edges[0] <= wanted.t_edges[0]
    assert grid.t_edges[-1] >= wanted.t_edges[-1]
    with engine.connect() as connection:
        infos = reader._segments.of_vm(connection, vm_id)
    assert sum(is_on_quanta(grid.t_edges, info) for info in infos) >= len(infos) - 1
    assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))


def test_any_other_grid_is_exact_too(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    grid = grid_of(end_of(reader, vm_id) - 777, columns=37, rows=29)
    assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))


@pytest.mark.parametrize("fits", [True, False])
def test_a_tall_raster_is_drawn_some_rows_at_a_time(
    engine: Engine, vm_id: int, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    reader = Reader(engine)
    grid = grid_of(end_of(reader, vm_id) - 777, columns=37, rows=64)
    grid = reader.fit(vm_id, grid) if fits else grid
    most = 10 * grid.shape[1]
    shapes: list[tuple[int, int]] = []
    for sums in (RasterSums, ChurnSums):
        begin = sums.add_start

        def add_start(made: RasterSums, *what: object, begin: Callable[..., None] = begin) -> None:
            shapes.append(made.grid.shape)
            begin(made, *what)

        monkeypatch.setattr(sums, "add_start", add_start)
    monkeypatch.setattr(drawing, "MOST_CELLS", most)
    ours = reader.raster(vm_id, grid)
    assert len(shapes) > 6
    assert max(height * width for height, width in shapes) <= most
    assert_same(ours, from_changes(reader, vm_id, grid))
    assert_churn_exact(reader, vm_id, grid)


@pytest.mark.parametrize("start", [0.0, 0.3, 0.85])
def test_a_part_of_the_time_is_exact(engine: Engine, vm_id: int, start: float) -> None:
    reader = Reader(engine)
    end = end_of(reader, vm_id)
    grid = grid_of(end, columns=25, rows=16)
    edges = grid.t_edges // 10 + int(start * end)
    grid = reader.fit(vm_id, Grid(edges, grid.row_first, grid.row_end))
    assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))


@pytest.mark.parametrize("start", [0.0, 0.4])
@pytest.mark.parametrize("fits", [True, False])
def test_churn_is_exact_from_summaries_and_from_changes(
    engine: Engine, vm_id: int, start: float, fits: bool
) -> None:
    reader = Reader(engine)
    end = end_of(reader, vm_id)
    grid = grid_of(end, columns=25, rows=29)
    grid = Grid(grid.t_edges // 2 + int(start * end), grid.row_first, grid.row_end)
    assert_churn_exact(reader, vm_id, reader.fit(vm_id, grid) if fits else grid)


def test_churn_within_a_block_counts_the_block_for_its_pages(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    changes = np.concatenate(list(reader.iter_changes(vm_id)))
    breaking = changes[(changes["mixed_delta"] == 1) & (changes["npages"] == 1)][0]
    gfn = int(breaking["gfn"]) // PAGES_PER_2M * PAGES_PER_2M
    borders = np.arange(gfn + 130, gfn + 140, dtype=np.uint64)
    edges = np.linspace(0, end_of(reader, vm_id), 9).astype(np.int64)
    grid = Grid(edges, borders[:-1], borders[1:])
    before = reader.page_map_at(vm_id, -1)
    whole = churn(before.runs(), before.mixed_in(0, 1), reader.iter_changes(vm_id), grid)
    ours = reader.churn(vm_id, grid)
    assert ours.mixed.any()
    np.testing.assert_allclose(ours.mixed, whole.mixed, atol=1e-5)
    np.testing.assert_array_equal(ours.returns, whole.returns)


def test_what_an_earlier_gmemscope_did_not_keep_is_not_made_up(engine: Engine, vm_id: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vm SET edition = 2, row_checksum = NULL")
    reader = Reader(engine)
    grid = reader.fit(vm_id, grid_of(end_of(reader, vm_id), columns=40, rows=32))
    assert reader.raster(vm_id, grid).page_faults.any()
    with pytest.raises(StoreError, match="not kept"):
        reader.churn(vm_id, grid)


def test_columns_narrower_than_a_quantum_become_fewer(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    wanted = grid_of(end_of(reader, vm_id), columns=20_000, rows=4)
    grid = reader.fit(vm_id, wanted)
    assert 100 < grid.shape[1] < 20_000
    assert grid.t_edges[0] <= wanted.t_edges[0]
    assert grid.t_edges[-1] >= wanted.t_edges[-1]
    np.testing.assert_array_equal(reader.fit(vm_id, grid).t_edges, grid.t_edges)


def test_few_events_are_drawn_where_they_were_asked_for(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    grid = grid_of(end_of(reader, vm_id) // 50, columns=30, rows=30)
    fitted = reader.fit(vm_id, grid)
    assert fitted is grid


def test_low_rows_keep_their_borders(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    wanted = grid_of(end_of(reader, vm_id), columns=40, rows=32)
    grid = reader.fit(vm_id, wanted)
    np.testing.assert_array_equal(grid.row_first[-4:], wanted.row_first[-4:])
    np.testing.assert_array_equal(grid.row_end[-4:], wanted.row_end[-4:])


def test_a_fitted_timeline_is_exact(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    wanted = np.linspace(0, end_of(reader, vm_id), 61).astype(np.int64)
    edges: npt.NDArray[np.int64] = reader.fit_edges(vm_id, wanted)
    assert not np.array_equal(edges, wanted)
    for some_edges in (edges, wanted):
        ours = reader.timeline(vm_id, some_edges)
        start = reader.page_map_at(vm_id, -1)
        events = np.concatenate([events for events, _ in reader.iter_events(vm_id)])
        expected = timeline(
            start.totals(), start.mixed_blocks, reader.iter_changes(vm_id), [events], some_edges
        )
        for name in expected.__slots__:
            np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)
    assert int(effect_time(events)[-1]) < edges[-1]


def test_a_memslot_gone_for_a_moment_is_gone_within_it(engine: Engine) -> None:
    """A summary adds up the deletion and the return, but they are not nothing."""
    events = random_events(2_000)
    with RecordingWriter(engine, HEADER, segment_events=1_000) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.append(vm, events[:1_000])
        gone = int(effect_time(events)[999])
        writer.delete_memslot(vm, 0, 0, gone)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES, from_t=gone + 3))
        writer.append(vm, events[effect_time(events) >= gone + 3])
    reader = Reader(engine)
    middle = np.array([GUEST_PAGES // 2 + 100], np.uint64)
    grid = Grid(np.arange(gone - 2, gone + 6), middle, middle + np.uint64(1))
    assert reader.raster(vm, grid).present[0].tolist() == [1, 1, 0, 0, 0, 1, 1]
    assert_same(reader.raster(vm, grid), from_changes(reader, vm, grid))


def test_page_faults_that_old_summaries_left_out_are_counted_nevertheless(
    engine: Engine, vm_id: int
) -> None:
    new = Reader(engine)
    grid = new.fit(vm_id, grid_of(end_of(new, vm_id), columns=40, rows=32))
    expected = new.raster(vm_id, grid)
    assert expected.page_faults.sum() > 0
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vm SET edition = 1, row_checksum = NULL")
    old = Reader(engine)
    with engine.connect() as connection:
        infos = old._segments.of_vm(connection, vm_id)
    assert not any(is_on_quanta(grid.t_edges, info) for info in infos)
    assert_same(old.raster(vm_id, grid), expected)
