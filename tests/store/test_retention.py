"""Retention: detail goes, and what is still shown is what was shown before it went."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Engine

from app.model.events import EventArray, effect_time
from app.model.guest import EventKind, PageState
from app.model.pagemap import PageMap
from app.model.raster import Grid
from app.store.database import open_database
from app.store.errors import NotKept
from app.store.read import Expired, Reader, _grid_snapping as fitting, check
from app.store.retention import Group, forget_cells, groups, retire_steps, space
from app.store.segments import PARTITIONED_LEVEL
from app.store.write import RecordingWriter, find_past
from tests.store.histories import HEADER, IDENTITY, memslot
from tests.store.test_wide_windows import (
    GUEST_PAGES,
    assert_same,
    end_of,
    from_changes,
    grid_of,
    scattered_events,
)

SEGMENT_EVENTS = 60
EVENTS = 70 * SEGMENT_EVENTS
WALL_NS = 1_700_000_000 * 10**9
LIVE = replace(HEADER, wall_start_ns=WALL_NS)
LONG_NS = 1 << 60


class Recorded(NamedTuple):
    path: Path
    vm_id: int


def record(engine: Engine, events: EventArray, group_ns: int = LONG_NS) -> int:
    with RecordingWriter(
        engine, LIVE, is_live=True, segment_events=SEGMENT_EVENTS, group_ns=group_ns
    ) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
        writer.append(vm, events)
    return vm


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Written once, and never changed."""
    path = tmp_path_factory.mktemp("retention") / "whole.db"
    engine = open_database(path)
    vm_id = record(engine, scattered_events(EVENTS))
    engine.dispose()
    return Recorded(path, vm_id)


@pytest.fixture
def whole(recorded: Recorded) -> Iterator[Reader]:
    engine = open_database(recorded.path, read_only=True)
    yield Reader(engine)
    engine.dispose()


@pytest.fixture
def engine(tmp_path: Path, recorded: Recorded) -> Iterator[Engine]:
    """Of a copy."""
    opened = open_database(Path(shutil.copy(recorded.path, tmp_path)))
    yield opened
    opened.dispose()


@pytest.fixture
def vm_id(recorded: Recorded) -> int:
    return recorded.vm_id


@pytest.fixture(autouse=True)
def exact_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "EXACT_EVENTS", 500)
    monkeypatch.setattr(fitting, "EXACT_ROWS_EVENTS", 1000)


def finest(engine: Engine) -> list[Group]:
    """Groups of segments, by time."""
    return [one for one in groups(engine) if one.level == PARTITIONED_LEVEL]


def retire(engine: Engine, group: Group) -> None:
    for _ in retire_steps(engine, group):
        pass


def assert_nothing_false(
    reader: Reader, whole: Reader, vm_id: int, begun: Sequence[Group] = ()
) -> None:
    """What is shown is what was there; what is not known is shown as unknown. `begun`: nothing
    need be known of pages until their ends."""
    gone = reader.expired(vm_id)
    for t in np.linspace(0, end_of(whole, vm_id), 23).astype(int).tolist():
        was, shown = states(whole.page_map_at(vm_id, t)), states(reader.page_map_at(vm_id, t))
        is_gone = any(one.from_t <= t < one.to_t for one in gone)
        is_gone |= any(one.first_t <= t < one.last_t for one in begun)
        assert ((shown == was) | (is_gone & (shown == PageState.UNKNOWN))).all()
    events, seqs = everything(reader, vm_id)
    before, _ = everything(whole, vm_id)
    is_kept = events["kind"] != EventKind.EXPIRED
    np.testing.assert_array_equal(events[is_kept], before[seqs[is_kept]])
    assert len(before) - int(is_kept.sum()) == sum(one.count for one in gone)
    assert int(events["aux"][~is_kept].sum()) == sum(one.count for one in gone)


def states(page_map: PageMap) -> npt.NDArray[np.uint8]:
    """Of many pages, most of which conversions name."""
    runs = page_map.runs()
    gfns = np.arange(0, GUEST_PAGES, 29, dtype=np.uint64)
    at = np.searchsorted(runs["gfn"], gfns, side="right") - 1
    found: npt.NDArray[np.uint8] = runs["state"][at]
    return found


def everything(reader: Reader, vm_id: int) -> tuple[EventArray, npt.NDArray[np.int64]]:
    chunks = list(reader.iter_events(vm_id))
    return np.concatenate([e for e, _ in chunks]), np.concatenate([s for _, s in chunks])


def assert_cells_stay(reader: Reader, whole: Reader, vm_id: int) -> None:
    """A wide picture is drawn on edges where it is exact."""
    grid = reader.fit(vm_id, grid_of(end_of(whole, vm_id), 50, 40))
    large = np.flatnonzero(grid.row_end <= GUEST_PAGES)
    grid = Grid(grid.t_edges, grid.row_first[large], grid.row_end[large])
    assert_same(reader.raster(vm_id, grid), from_changes(whole, vm_id, grid))
    edges = reader.fit_edges(vm_id, np.linspace(0, end_of(whole, vm_id), 60).astype(np.int64))
    ours, expected = reader.timeline(vm_id, edges), whole.timeline(vm_id, edges)
    assert ours.is_kept.all()
    for name in ("requested", "failed", "page_faults", "private", "unknown", "mixed_2m"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)


@pytest.mark.parametrize("seed", range(2))
def test_after_every_step_nothing_false_is_shown(
    engine: Engine, whole: Reader, vm_id: int, seed: int
) -> None:
    """In any order of the groups, also where a step was the last before a crash."""
    random = np.random.default_rng(seed)
    begun: list[Group] = []
    while detailed := [one for one in groups(engine) if one.has_detail]:
        group = detailed[int(random.integers(len(detailed)))]
        begun.append(group)
        for step, _ in enumerate(retire_steps(engine, group)):
            if random.random() < 0.2:
                assert_nothing_false(Reader(engine), whole, vm_id, begun)
            if step and random.random() < 0.05:
                break  # as if killed: the next one goes on
        assert not check(engine).findings
    reader = Reader(engine)
    assert_nothing_false(reader, whole, vm_id)
    assert_cells_stay(reader, whole, vm_id)


def test_a_reader_that_goes_on_sees_what_is_left(engine: Engine, whole: Reader, vm_id: int) -> None:
    reader = Reader(engine)
    assert_cells_stay(reader, whole, vm_id)
    for group in finest(engine)[:3]:
        for _ in retire_steps(engine, group):
            list(reader.iter_events(vm_id))
            reader.raster(vm_id, grid_of(end_of(whole, vm_id), 5, 4))
        assert_nothing_false(reader, whole, vm_id)
        assert_cells_stay(reader, whole, vm_id)


def test_everything_after_a_cut_stays_exact(engine: Engine, whole: Reader, vm_id: int) -> None:
    first, second, *_ = finest(engine)
    retire(engine, first)
    retire(engine, second)
    reader, t = Reader(engine), second.last_t
    assert reader.page_map_at(vm_id, t).to_bytes() == whole.page_map_at(vm_id, t).to_bytes()
    end = end_of(whole, vm_id)
    grid = grid_of(end, 50, 40)
    later = Grid(np.linspace(t + 1, end, 38).astype(np.int64), grid.row_first, grid.row_end)
    assert_same(reader.raster(vm_id, later), from_changes(whole, vm_id, later))


def test_groups_of_groups_become_one_with_coarser_cells(
    engine: Engine, whole: Reader, vm_id: int
) -> None:
    for group in finest(engine):
        retire(engine, group)
    before = space(engine).used_bytes
    (large,) = [one for one in groups(engine) if one.level == PARTITIONED_LEVEL + 1]
    assert (large.segments, large.has_detail) == (4, False)
    retire(engine, large)
    assert space(engine).used_bytes < before
    assert not check(engine).findings
    reader = Reader(engine)
    assert next(one.to_t for one in reader.expired(vm_id)) == large.last_t
    assert_nothing_false(reader, whole, vm_id)
    assert_cells_stay(reader, whole, vm_id)


def test_cells_that_are_forgotten_leave_a_stretch_that_is_unknown(
    engine: Engine, whole: Reader, vm_id: int
) -> None:
    group = finest(engine)[1]
    retire(engine, group)
    (expired,) = [one for one in finest(engine) if not one.has_detail]
    forget_cells(engine, expired)
    assert not check(engine).findings
    reader = Reader(engine)
    assert_nothing_false(reader, whole, vm_id)
    edges = np.array([0, group.first_t, group.last_t + 1, end_of(whole, vm_id)])
    assert reader.timeline(vm_id, edges).is_kept.tolist() == [True, False, True]


def test_counts_that_leave_events_out_say_so(engine: Engine, vm_id: int) -> None:
    group = finest(engine)[0]
    retire(engine, group)
    reader = Reader(engine)
    edges = np.array([0, group.last_t // 3, group.last_t + 1, group.last_t + 1000])
    assert reader.timeline(vm_id, edges).is_kept.tolist() == [False, False, True]
    few = reader.timeline(vm_id, reader.fit_edges(vm_id, edges), gfn_from=0, gfn_to=64)
    assert not few.is_kept[0]
    with pytest.raises(NotKept, match="960 events of this interval are no longer kept"):
        reader.require_kept(vm_id, group.last_t - 5, group.last_t + 5)
    reader.require_kept(vm_id, group.last_t + 1, group.last_t + 5)
    (gone,) = reader.expired(vm_id)
    assert gone == Expired(group.first_t, group.last_t, 960, 512)


def test_groups_go_on_while_the_recording_is_written(tmp_path: Path, whole: Reader) -> None:
    """What is written later stands for what has become one segment meanwhile."""
    engine = open_database(tmp_path / "live.db")
    events = scattered_events(EVENTS)
    with RecordingWriter(
        engine, LIVE, is_live=True, segment_events=SEGMENT_EVENTS, group_ns=LONG_NS
    ) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
        for start in range(0, EVENTS, 1000):
            writer.append(vm, events[start : start + 1000])
            for group in finest(engine):
                if group.has_detail:
                    retire(engine, group)
    assert not check(engine).findings
    reader = Reader(engine)
    assert [one.level for one in groups(engine)].count(PARTITIONED_LEVEL + 1) == 1
    assert_nothing_false(reader, whole, vm)
    assert_cells_stay(reader, whole, vm)
    engine.dispose()


def test_a_quiet_guest_has_groups_too(tmp_path: Path) -> None:
    """They end by time, and the last one with the recording."""
    engine = open_database(tmp_path / "quiet.db")
    events = scattered_events(SEGMENT_EVENTS * 8)
    span = int(effect_time(events)[-1])
    vm = record(engine, events, group_ns=span // 3)
    found = finest(engine)
    assert len(found) >= 3
    assert sum(one.segments for one in found) == len(groups_of_segments(engine, vm))
    for group in found:
        retire(engine, group)
    assert not check(engine).findings
    engine.dispose()


def groups_of_segments(engine: Engine, vm_id: int) -> list[int]:
    with engine.connect() as connection:
        query = f"SELECT id FROM segment WHERE vm_id = {vm_id}"
        return list(connection.exec_driver_sql(query).scalars())


def test_what_was_imported_stays(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "imported.db")
    with RecordingWriter(engine, LIVE, segment_events=SEGMENT_EVENTS) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.append(vm, scattered_events(EVENTS))
    assert groups(engine) == []
    engine.dispose()


def test_a_writer_that_goes_on_ends_groups_that_another_began(
    tmp_path: Path, whole: Reader
) -> None:
    """Restarts leave nothing that could never go."""
    engine = open_database(tmp_path / "restarted.db")
    events = scattered_events(EVENTS)
    vm, start = None, 0
    while start < EVENTS:
        past = None if vm is None else find_past(engine, LIVE)
        with RecordingWriter(
            engine, LIVE, is_live=True, segment_events=SEGMENT_EVENTS, past=past
        ) as writer:
            if vm is None:
                vm = writer.add_vm(IDENTITY)
                writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
                writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
            writer.append(vm, events[start : start + 7 * SEGMENT_EVENTS])
            start += 7 * SEGMENT_EVENTS
    assert vm is not None
    found = groups(engine)
    assert [one.level for one in found].count(PARTITIONED_LEVEL) == 4
    assert [one.level for one in found].count(PARTITIONED_LEVEL + 1) == 1
    for group in found:
        retire(engine, group)
    assert not check(engine).findings
    engine.dispose()
