"""The pyramid over a recording: wide windows cost pixels, and show what the changes show."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Connection, Engine
from sqlmodel import SQLModel

from app.model.events import Window, effect_time
from app.model.raster import Grid
from app.model.raster._timeline import timeline
from app.queries.maps import MapQuery, Rasters, map_layout
from app.store import checksums
from app.store.catalogue import _sizes as sizes, stored_sizes
from app.store.database import delete_recording, open_database
from app.store.errors import NotWritable
from app.store.read import Reader, _grid_snapping as fitting, _resolution as resolution, check
from app.store.segments import CoarseInfo, Pyramid, Pyramids, Segments, coarse_timeline_seed
from app.store.write import (
    RecordingWriter,
    _coarse_rows as coarse_rows,
    _coarse_summaries as coarse_summaries,
)
from tests.store.histories import HEADER, IDENTITY, memslot
from tests.store.test_wide_windows import (
    GUEST_PAGES,
    assert_churn_exact,
    assert_same,
    end_of,
    from_changes,
    grid_of,
    scattered_events,
)

SEGMENT_EVENTS = 60
EVENTS = 70 * SEGMENT_EVENTS
"""More than are a coarse summary of the third level, and none of the fourth."""
CELLS_PER_TILE = 64


class Recorded(NamedTuple):
    path: Path
    vm_id: int


@pytest.fixture
def exact_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "EXACT_EVENTS", 500)
    monkeypatch.setattr(fitting, "EXACT_ROWS_EVENTS", 1000)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Written once: every test has a copy."""
    engine = open_database(path := tmp_path_factory.mktemp("recorded") / "recorded.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coarse_summaries, "CELLS_PER_TILE", CELLS_PER_TILE)
        vm_id = record(engine)
    engine.dispose()
    return Recorded(path, vm_id)


@pytest.fixture
def copy(tmp_path: Path, recorded: Recorded) -> Path:
    return Path(shutil.copy(recorded.path, tmp_path))


@pytest.fixture
def engine(copy: Path) -> Iterator[Engine]:
    """Of the copy."""
    opened = open_database(copy)
    yield opened
    opened.dispose()


@pytest.fixture
def empty(path: Path) -> Iterator[Engine]:
    opened = open_database(path)
    yield opened
    opened.dispose()


@pytest.fixture
def vm_id(recorded: Recorded, exact_events: None) -> int:
    return recorded.vm_id


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coarse_summaries, "CELLS_PER_TILE", CELLS_PER_TILE)


def record(engine: Engine) -> int:
    with RecordingWriter(engine, HEADER, segment_events=SEGMENT_EVENTS) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
        writer.append(vm, scattered_events(EVENTS))
    return vm


def pyramid_of(reader: Reader, vm_id: int) -> Pyramid:
    with reader._engine.connect() as connection:
        return reader._pyramids.of_vm(connection, vm_id)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What pictures are drawn from, each time it is asked for."""
    counts = Counter[str]()
    for owner, name in (
        *((Pyramids, name) for name in ("cells", "timeline")),
        *((Segments, name) for name in ("cells", "timeline", "columns")),
    ):
        asked = getattr(owner, name)

        def ask(
            *args: object,
            asked: Callable[..., object] = asked,
            key: str = f"{owner.__name__}.{name}",
        ) -> object:
            counts[key] += 1
            return asked(*args)

        monkeypatch.setattr(owner, name, ask)
    return counts


def test_every_group_of_sealed_segments_has_one(engine: Engine, vm_id: int) -> None:
    pyramid = pyramid_of(Reader(engine), vm_id)
    segments = len(pyramid.infos)
    counts = {level: segments // 4**level for level in (1, 2, 3)}
    found = list(pyramid.coarse())
    assert {level: sum(one.level == level for one in found) for level in counts} == counts
    assert counts[3] == 1
    for one in found:
        assert one.segments == 4**one.level
        for tiles in one.tilings.values():
            assert tiles[0].first_block == 0
            assert all(before.end_block == after.first_block for before, after in pairwise(tiles))
    assert max(len(tiles) for one in found for tiles in one.tilings.values()) > 2
    for level in range(4):
        walked = list(pyramid.walk(0, partial(is_up_to, level)))
        assert sum(1 if one is None else one.segments for _, one in walked) == segments
        assert len(walked) <= segments // 4**level + 3 * 4


def is_up_to(level: int, one: CoarseInfo) -> bool:
    return one.level <= level


WINDOWS = [(0.0, 1.0), (0.1, 0.95), (0.45, 0.75), (0.6, 1.0)]
MEMORIES = [(0, 32), (3, 9), (20, 32)]


@pytest.mark.parametrize("most_cells", [1 << 19, 3_000, 1_200, 300])
@pytest.mark.parametrize("times", WINDOWS)
def test_rasters_are_exact_at_every_resolution(
    engine: Engine,
    vm_id: int,
    monkeypatch: pytest.MonkeyPatch,
    most_cells: int,
    times: tuple[float, float],
) -> None:
    monkeypatch.setattr(resolution, "MOST_CELLS", most_cells)
    monkeypatch.setattr(resolution, "FEWEST_ROWS", 4)
    reader = Reader(engine)
    end = end_of(reader, vm_id)
    whole = grid_of(end, columns=60, rows=32)
    edges = np.linspace(times[0] * end, times[1] * end, 61).astype(np.int64)
    for first, last in MEMORIES:
        grid = reader.fit(
            vm_id, Grid(edges, whole.row_first[first:last], whole.row_end[first:last])
        )
        assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))
        if (first, times[1] - times[0] > 0.5) == (0, True):
            assert_churn_exact(reader, vm_id, grid)


def test_a_wide_window_reads_few_coarse_summaries_and_no_changes(
    engine: Engine, vm_id: int, monkeypatch: pytest.MonkeyPatch, read: Counter[str]
) -> None:
    monkeypatch.setattr(resolution, "MOST_CELLS", 2_000)
    reader = Reader(engine)
    grid = grid_of(end_of(reader, vm_id), columns=60, rows=32)
    large = Grid(grid.t_edges, grid.row_first[:32], grid.row_end[:32])
    reader.raster(vm_id, reader.fit(vm_id, large))
    assert read["Pyramids.cells"] > 0
    assert read["Pyramids.cells"] + read["Segments.cells"] < 20
    assert read["Segments.columns"] <= 6  # of the rest that has no summary, or a longer quantum


def test_rows_that_no_summary_fits_pass_over_what_has_nothing_there(
    engine: Engine, vm_id: int, read: Counter[str]
) -> None:
    """A page between the memslots, over all time: most segments reach to both sides of it."""
    reader = Reader(engine)
    end, untouched = end_of(reader, vm_id), np.array([3 * GUEST_PAGES // 2], np.uint64)
    grid = Grid(np.linspace(0, end, 31).astype(np.int64), untouched, untouched + np.uint64(1))
    drawn = reader.raster(vm_id, grid)
    assert read["Segments.columns"] == 0
    assert read["Segments.cells"] < 8
    assert read["Pyramids.cells"] > 0
    assert_same(drawn, from_changes(reader, vm_id, grid))


@pytest.mark.parametrize("times", WINDOWS)
def test_timelines_are_exact_at_every_resolution(
    engine: Engine, vm_id: int, read: Counter[str], times: tuple[float, float]
) -> None:
    reader = Reader(engine)
    end = end_of(reader, vm_id)
    for columns in (6, 20, 200):
        wanted = np.linspace(times[0] * end, times[1] * end, columns + 1).astype(np.int64)
        edges = reader.fit_edges(vm_id, wanted)
        assert len(edges) <= len(wanted)
        read.clear()
        assert_timeline_exact(reader, vm_id, edges)
        if columns == 6:
            assert read["Pyramids.timeline"] > 0
            assert read["Pyramids.timeline"] + read["Segments.timeline"] < 20


def assert_timeline_exact(reader: Reader, vm_id: int, edges: npt.NDArray[np.int64]) -> None:
    ours = reader.timeline(vm_id, edges)
    start = reader.page_map_at(vm_id, -1)
    events = np.concatenate([events for events, _ in reader.iter_events(vm_id)])
    changes = reader.iter_changes(vm_id)
    expected = timeline(start.totals(), start.mixed_blocks, changes, [events], edges)
    for name in expected.__slots__:
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)


def assert_all_exact(reader: Reader, vm_id: int) -> None:
    """Whole, by whatever the edges allow."""
    grid = reader.fit(vm_id, grid_of(end_of(reader, vm_id), columns=60, rows=32))
    assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))
    assert_timeline_exact(reader, vm_id, reader.fit_edges(vm_id, grid.t_edges))


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole pictures are drawn from the coarsest summaries."""
    monkeypatch.setattr(resolution, "MOST_CELLS", 1_000)


DAMAGE = [
    ("coarse_summary", "timeline_blob", "x'00'"),
    ("coarse_summary", "quantum_shift", "quantum_shift + 1"),
    ("coarse_summary", "timeline_shift", "timeline_shift + 1"),
    ("coarse_summary", "timeline_shift", "NULL"),
    ("coarse_summary", "segments", "segments + 1"),
    ("coarse_summary", "last_segment_id", "last_segment_id - 1"),
    ("coarse_cells", "blob", "substr(blob, 1, 300)"),
    ("coarse_cells", "first_block", "first_block + 1"),
    ("coarse_cells", "block_shift", "block_shift + 1"),
]


@pytest.mark.parametrize(("table", "column", "value"), DAMAGE)
def test_damaged_ones_are_found_and_not_used(
    copy: Path, vm_id: int, coarse: None, table: str, column: str, value: str
) -> None:
    with closing(sqlite3.connect(copy)) as raw, raw:
        raw.execute(f"UPDATE {table} SET {column} = {value}")
    engine = open_database(copy, read_only=True)
    assert_all_exact(Reader(engine), vm_id)
    findings = check(engine).findings
    assert {finding.part for finding in findings} == {"coarse summary"}
    assert all("nothing is lost" in finding.says for finding in findings)
    engine.dispose()


def test_without_them_everything_is_the_same(copy: Path, vm_id: int, coarse: None) -> None:
    """As recordings of earlier versions are."""
    with closing(sqlite3.connect(copy)) as raw, raw:
        raw.execute("DELETE FROM gfn_partition")
        raw.execute("DELETE FROM partitioning")
        raw.execute("DELETE FROM coarse_cells")
        raw.execute("DELETE FROM coarse_summary")
    engine = open_database(copy, read_only=True)
    assert_all_exact(Reader(engine), vm_id)
    assert not check(engine).findings
    engine.dispose()


def test_sums_that_do_not_close_are_found(copy: Path) -> None:
    """Whatever the checksums say: as after a writer with a mistake."""
    with closing(sqlite3.connect(copy)) as raw, raw:
        first, second = raw.execute(
            "SELECT id, timeline_blob FROM coarse_summary WHERE level = 1 ORDER BY id LIMIT 2"
        ).fetchall()
        row = raw.execute(
            "SELECT row_checksum, timeline_shift FROM coarse_summary WHERE id = ?", first[:1]
        ).fetchone()
        raw.execute(
            "UPDATE coarse_summary SET timeline_blob = ?, timeline_checksum = ? WHERE id = ?",
            (second[1], checksums.of_blob(second[1], coarse_timeline_seed(*row)), first[0]),
        )
    engine = open_database(copy, read_only=True)
    (finding,) = check(engine).findings
    assert "does not add up" in finding.says
    engine.dispose()


def test_a_writer_that_fails_leaves_what_is_exact(
    empty: Engine, exact_events: None, coarse: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any coarse summary: it comes with its last segment or not at all."""
    written = coarse_rows.insert_coarse
    for allowed, kept in ((0, 0), (3, 3), (4, 3), (5, 5), (9, 8)):
        count = 0

        def fail(
            connection: Connection,
            *rest: Any,  # noqa: ANN401
            allowed: int = allowed,
        ) -> coarse_rows.Summarised:
            nonlocal count
            count += 1
            if count > allowed:
                raise OSError(28, "No space left on device")
            return written(connection, *rest)

        monkeypatch.setattr(coarse_summaries, "insert_coarse", fail)
        with pytest.raises(NotWritable, match="disk is full"):
            record(empty)
        vm = max(vm.id for vm in Reader(empty).vms())
        assert len(list(pyramid_of(Reader(empty), vm).coarse())) == kept
        assert_all_exact(Reader(empty), vm)
    assert not check(empty).findings


def test_they_go_with_their_recording(copy: Path, engine: Engine) -> None:
    delete_recording(engine, 1)
    with closing(sqlite3.connect(copy)) as raw:
        for table in ("coarse_summary", "coarse_cells", "partitioning", "gfn_partition"):
            assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_they_count_as_the_recordings(engine: Engine) -> None:
    assert {str(table.__tablename__) for table in sizes.TABLES} | {"host", "recording"} == set(
        SQLModel.metadata.tables
    )
    with engine.connect() as connection:
        rows, nbytes = connection.exec_driver_sql(
            "SELECT count(*), sum(length(blob)) FROM coarse_cells"
        ).one()
    before = stored_sizes(engine)[1]
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM coarse_cells")
    after = stored_sizes(engine)[1]
    assert before.rows - after.rows == rows > 0
    assert before.segment_bytes - after.segment_bytes == nbytes > 0


def test_times_too_long_for_whole_numbers_have_none(
    empty: Engine, exact_events: None, coarse: None
) -> None:
    events = scattered_events(EVENTS)
    scale = (1 << 58) // int(effect_time(events)[-1])
    events["t"], events["latency_ns"] = events["t"] * scale, events["latency_ns"] * scale
    with RecordingWriter(empty, HEADER, segment_events=SEGMENT_EVENTS) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.append(vm, events)
    levels = {one.level for one in pyramid_of(Reader(empty), vm).coarse()}
    assert levels < {1, 2, 3}
    assert not check(empty).findings


def test_low_rows_of_a_wide_window_become_fewer(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    end = end_of(reader, vm_id)
    lowest = reader.lowest_row(vm_id, Window(0, end, 0, GUEST_PAGES), 100, 1 << 14)
    assert lowest > 1
    assert reader.lowest_row(vm_id, Window(0, end // 100, 0, GUEST_PAGES), 100, 1 << 14) == 1
    assert reader.lowest_row(vm_id, Window(0, end, 0, 64), 100, 64) == 1


def test_rows_are_no_lower_than_the_blocks_they_are_drawn_from(engine: Engine, vm_id: int) -> None:
    reader = Reader(engine)
    vm = reader.vm(vm_id)
    wanted = MapQuery(None, None, None, None, width=100, height=1 << 14)
    layout = map_layout(reader, vm, wanted)
    assert 100 < layout.height < wanted.height
    assert len(layout.row_first) == layout.height == layout.bands[-1].row_end
    drawn = Rasters(reader).draw(vm, layout)
    assert drawn is not None
    assert drawn.private.shape == (layout.height, layout.width)
    few = map_layout(reader, vm, MapQuery(0, layout.to_t // 100, None, None, 100, 1 << 14))
    assert few.height == wanted.height


def test_their_timelines_are_finer_than_their_cells(engine: Engine, read: Counter[str]) -> None:
    """Down to the bins that storms are found in, or to what segments have."""
    events = scattered_events(EVENTS)
    scale = 3_600 * 10**9 // int(effect_time(events)[-1])
    events["t"], events["latency_ns"] = events["t"] * scale, events["latency_ns"] * scale
    with RecordingWriter(engine, HEADER, segment_events=SEGMENT_EVENTS) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.append(vm, events)
    reader = Reader(engine)
    coarse = {one.level: one for one in pyramid_of(reader, vm).coarse()}
    shifts = [(coarse[level].timeline_shift, coarse[level].quantum_shift) for level in (1, 2, 3)]
    finest = max(info.quantum_shift or 0 for info in pyramid_of(reader, vm).infos)
    assert all(timeline <= finest for timeline, _ in shifts)
    assert shifts[2][1] > shifts[2][0] + 4
    edges = np.arange(0, 3_700 * 10**9 >> finest, dtype=np.int64) << finest
    read.clear()
    assert_timeline_exact(reader, vm, edges)
    assert read["Pyramids.timeline"] + read["Segments.timeline"] < 12
