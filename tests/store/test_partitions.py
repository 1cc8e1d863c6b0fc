"""Partitions by gfn: what narrow windows of long times are read from shows what segments show."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Connection, Engine

from app.model.events import CHANGE, ChangeArray, EventArray, Window
from app.model.guest import Certainty, EventKind, Outcome, To
from app.model.raster import Grid
from app.model.stats import ANY, EventFilter, EventQuery, SlotLife
from app.queries.history import Pages, page_history
from app.store import checksums
from app.store.codecs import (
    SOMEWHERE,
    _partition_places as partition_places,
    _partitions as partitions,
    places_of,
)
from app.store.database import open_database
from app.store.errors import NotWritable
from app.store.read import Reader, check
from app.store.segments import PARTITIONED_LEVEL, _pyramids as pyramids, read_partitionings
from app.store.segments._partitions import PartitionSource
from app.store.write import (
    RecordingWriter,
    _coarse_summaries as coarse_summaries,
    _partition_rows as partition_rows,
)
from tests.store.histories import HEADER, IDENTITY, memslot
from tests.store.test_coarse_summaries import pyramid_of
from tests.store.test_wide_windows import (
    GUEST_PAGES,
    assert_same,
    end_of,
    from_changes,
    scattered_events,
)

SEGMENT_EVENTS = 60
GROUP_EVENTS = 16 * SEGMENT_EVENTS
EVENTS = 3 * GROUP_EVENTS + 5 * SEGMENT_EVENTS


@pytest.fixture(autouse=True, scope="module")
def small_partitions() -> Iterator[None]:
    """So that few events are many partitions, made a few at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_places, "EVENTS_PER_PARTITION", 40)
        patch.setattr(partition_places, "BORDER_PAGES", 8)
        patch.setattr(partitions, "ROWS_AT_ONCE", 500)
        patch.setattr(pyramids, "ROWS_OF_A_BLOB", 1)
        yield


def history() -> EventArray:
    """With all that a place may be: ranges across borders, none, any."""
    events = scattered_events(EVENTS)
    random = np.random.default_rng(3)
    some = random.permutation(EVENTS)
    wide = some[:40]
    wide = wide[events["kind"][wide] == EventKind.CONVERSION]
    events["npages"][wide] = np.minimum(GUEST_PAGES - events["gfn"][wide], 1 << 18)
    vague = some[40:60]
    vague = vague[events["kind"][vague] == EventKind.CONVERSION]
    events["range_certainty"][vague] = Certainty.UNKNOWN
    events["gfn"][vague] = events["npages"][vague] = 0
    return events


def record(engine: Engine, events: EventArray | None = None) -> int:
    events = history() if events is None else events
    with RecordingWriter(engine, HEADER, segment_events=SEGMENT_EVENTS) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 64))
        half = len(events) // 2
        writer.append(vm, events[:half])
        t = int(events["t"][half - 1]) + int(max(events["latency_ns"][half - 1], 0))
        writer.delete_memslot(vm, 0, 1, t)
        writer.set_memslot(vm, memslot(1, 2 * GUEST_PAGES, 32, t))
        writer.append(vm, events[half:])
    return vm


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("partitions") / "partitioned.db"
    engine = open_database(made)
    record(engine)
    engine.dispose()
    return made


@pytest.fixture(scope="module")
def reader(path: Path) -> Iterator[Reader]:
    engine = open_database(path, read_only=True)
    yield Reader(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def plain(path: Path) -> Iterator[Reader]:
    """The same recording without partitions."""
    copy = path.with_name("plain.db")
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as raw, raw:
        raw.execute("DELETE FROM gfn_partition")
        raw.execute("DELETE FROM partitioning")
    engine = open_database(copy, read_only=True)
    yield Reader(engine)
    engine.dispose()


def windows() -> list[tuple[int, int]]:
    """Of gfns: single pages, ranges in one partition, in two, in many; of each memslot, of none."""
    random = np.random.default_rng(7)
    first = random.integers(0, GUEST_PAGES, 12)
    size = np.array([1, 1, 8, 64, 64, 512, 512, 4096, 1 << 14, 1 << 14, 1 << 16, 1 << 17])
    found = [(int(a), int(a + n)) for a, n in zip(first, size, strict=True)]
    return [*found, (0, 1), (2 * GUEST_PAGES, 2 * GUEST_PAGES + 40), (3 * GUEST_PAGES, 1 << 30)]


def sources(reader: Reader, window: Window) -> list[object]:
    with reader._engine.connect() as connection:
        found = reader._pyramids.sources(connection, 1, window)
        return [one.source for one in found]


def test_each_group_of_segments_has_them_and_narrow_windows_are_read_from_them(
    reader: Reader, plain: Reader
) -> None:
    narrow = Window(gfn_from=1000, gfn_to=1064)
    assert len(list(pyramid_of(reader, 1).coarse())) > 3
    kinds = [type(one) for one in sources(reader, narrow)]
    assert kinds[:3] == [PartitionSource] * 3
    assert PartitionSource not in kinds[3:]
    assert PartitionSource not in map(type, sources(reader, Window()))
    assert PartitionSource not in map(type, sources(plain, narrow))
    with reader._engine.connect() as connection:
        found = read_partitionings(connection, 1).values()
    assert len(found) == 3
    for one in found:
        assert len(one.directory.events) > 12
        assert one.directory.events.max() < GROUP_EVENTS / 4


def test_a_short_window_is_read_from_segments(reader: Reader) -> None:
    end = end_of(reader, 1)
    short = Window(end // 4, end // 4 + 10, 1000, 1064)
    assert PartitionSource not in map(type, sources(reader, short))


FILTERS = [
    ANY,
    EventFilter(directions=frozenset({To.SHARED}), outcomes=frozenset({Outcome.APPLIED})),
    EventFilter(errnos=frozenset({22})),
    EventFilter(tids=frozenset({5000, 5002})),
    EventFilter(lives=(SlotLife(0, GUEST_PAGES // 2, 0, 40_000),)),
]


@pytest.mark.parametrize("gfns", windows())
def test_changes_and_events_are_those_of_segments(
    reader: Reader, plain: Reader, gfns: tuple[int, int]
) -> None:
    end = end_of(reader, 1)
    for t_from, t_to in ((None, None), (None, end // 2), (end // 5, 4 * end // 5)):
        window = Window.of(t_from, t_to, *gfns)
        ours, expected = (changes_of(one, window) for one in (reader, plain))
        np.testing.assert_array_equal(ours, expected)
        for where in FILTERS:
            query = EventQuery(t_from, t_to, gfns[0], gfns[1], where)
            for beyond in ({}, {"before_seq": EVENTS}, {"after_seq": 700, "limit": 9}):
                events, seqs = zip(
                    *(one.events(1, query, **beyond) for one in (reader, plain)), strict=True
                )
                np.testing.assert_array_equal(*seqs)
                np.testing.assert_array_equal(*events)


def changes_of(reader: Reader, window: Window) -> ChangeArray:
    nothing = np.empty(0, CHANGE)
    return np.concatenate([nothing, *reader.iter_changes(1, window)]).view(CHANGE)


@pytest.mark.parametrize("gfns", windows())
def test_pictures_and_lives_are_those_of_segments(
    reader: Reader, plain: Reader, gfns: tuple[int, int]
) -> None:
    first, end = gfns
    edges = np.linspace(0, end_of(reader, 1), 31).astype(np.int64)
    rows = np.linspace(first, end, min(8, end - first) + 1).astype(np.uint64)
    grid = Grid(edges, rows[:-1], rows[1:])
    drawn = reader.raster(1, grid)
    assert_same(drawn, plain.raster(1, grid))
    assert_same(drawn, from_changes(plain, 1, grid))
    churns = [one.churn(1, grid) for one in (reader, plain)]
    for name in ("mixed", "unknown", "present", "returns"):
        one, other = (getattr(churn, name) for churn in churns)
        np.testing.assert_allclose(one, other, atol=1e-5)
    for where in FILTERS:
        ours, expected = (
            one.timeline(1, edges, gfn_from=first, gfn_to=end, where=where)
            for one in (reader, plain)
        )
        for name in expected.__slots__:
            np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name), name)
    for after in (-1, GROUP_EVENTS // 2, 2 * GROUP_EVENTS):
        lives = [page_history(one, one.vm(1), Pages(*gfns), after, 50) for one in (reader, plain)]
        assert lives[0] == lives[1]


def test_what_reaches_far_lies_behind_all_or_in_each(reader: Reader) -> None:
    """Of 2,880 events 40 reach over a quarter of memory: with copies of all there would be a third
    more of them."""
    with reader._engine.connect() as connection:
        found = read_partitionings(connection, 1)
        for one in pyramid_of(reader, 1).of_level(PARTITIONED_LEVEL).values():
            partitioning = found[one.id]
            events = partitioning.directory.events
            assert GROUP_EVENTS <= events.sum() <= GROUP_EVENTS * 17 // 16
            assert 0 < events[-1] < GROUP_EVENTS / 8
            base = pyramid_of(reader, 1).infos[pyramid_place(reader, one.first_segment_id)]
            seqs = np.concatenate(
                [
                    reader._pyramids.partition(connection, partitioning, n, base).seqs
                    for n in np.flatnonzero(events).tolist()
                ]
            )
            assert set(seqs) == set(range(base.first_seq, base.first_seq + GROUP_EVENTS))


def pyramid_place(reader: Reader, segment_id: int) -> int:
    return [info.id for info in pyramid_of(reader, 1).infos].index(segment_id)


@pytest.mark.parametrize("most", [1, 1 << 10])
def test_any_rule_for_copies_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(partitions, "most_copies", lambda places: most)
    engine = open_database(tmp_path / "copies.db")
    record(engine)
    reader, narrow = Reader(engine), Window(gfn_from=1 << 16, gfn_to=(1 << 16) + 64)
    expected = changes_of(reader, Window())
    end = expected["gfn"] + expected["npages"]
    meets = (expected["gfn"] < narrow.gfn_to) & (end > narrow.gfn_from)
    meets |= expected["npages"] == 0
    np.testing.assert_array_equal(changes_of(reader, narrow), expected[meets])
    with engine.connect() as connection:
        one, *_ = read_partitionings(connection, 1).values()
        may_concern_any = int((where_is(engine) != SOMEWHERE).sum())
        assert (one.directory.events[-1] > may_concern_any) == (most == 1)
    engine.dispose()


def where_is(engine: Engine) -> npt.NDArray[np.uint8]:
    """The places of the first group's events."""
    events, _ = Reader(engine).events(1, limit=GROUP_EVENTS)
    return places_of(events["kind"], events["range_certainty"])


DAMAGE = [
    ("partitioning", "directory_blob", "x'00'"),
    ("partitioning", "partitions", "partitions + 1"),
    ("gfn_partition", "event_blob", "substr(event_blob, 1, 200)"),
    ("gfn_partition", "change_blob", "x'00'"),
    ("gfn_partition", "number", "number + 1000"),
]


@pytest.mark.parametrize(("table", "column", "value"), DAMAGE)
def test_damaged_ones_are_found_and_segments_read(
    path: Path, plain: Reader, tmp_path: Path, table: str, column: str, value: str
) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(damaged)) as raw, raw:
        raw.execute(f"UPDATE {table} SET {column} = {value}")
    engine = open_database(damaged, read_only=True)
    reader = Reader(engine)
    for gfns in windows():
        window = Window.of(None, None, *gfns)
        np.testing.assert_array_equal(changes_of(reader, window), changes_of(plain, window))
    findings = check(engine).findings
    assert {finding.part for finding in findings} == {"partition"}
    assert all("nothing is lost" in finding.says for finding in findings)
    engine.dispose()


def test_ones_that_hold_other_rows_are_found(path: Path, tmp_path: Path) -> None:
    """Whatever the checksums say: as after a writer with a mistake."""
    wrong = tmp_path / "wrong.db"
    wrong.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(wrong)) as raw, raw:
        blobs = raw.execute(
            "SELECT event_blob, change_blob FROM gfn_partition WHERE partitioning_id = 2 LIMIT 1"
        ).fetchone()
        (number,) = raw.execute(
            "SELECT min(number) FROM gfn_partition WHERE partitioning_id = 1"
        ).fetchone()
        seed = checksums.of_values(1, number)
        raw.execute(
            "UPDATE gfn_partition SET event_blob = ?, change_blob = ?, event_checksum = ?,"
            " change_checksum = ? WHERE partitioning_id = 1 AND number = ?",
            (*blobs, *(checksums.of_blob(blob, seed) for blob in blobs), number),
        )
    engine = open_database(wrong, read_only=True)
    (finding,) = check(engine).findings
    assert "other events or changes" in finding.says
    engine.dispose()


def test_sound_ones_are_no_finding(path: Path) -> None:
    engine = open_database(path, read_only=True)
    assert not check(engine).findings
    engine.dispose()


def test_a_writer_that_fails_leaves_what_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come with the segment that completes them, or not at all."""
    written, allowed = partition_rows.write_partitions, 1

    def fail(connection: Connection, *what: object) -> None:
        nonlocal allowed
        written(connection, *what)  # type: ignore[arg-type]
        if not allowed:
            raise OSError(28, "No space left on device")
        allowed -= 1

    monkeypatch.setattr(coarse_summaries, "write_partitions", fail)
    engine = open_database(tmp_path / "full.db")
    with pytest.raises(NotWritable, match="disk is full"):
        record(engine)
    assert not check(engine).findings
    with engine.connect() as connection:
        for table in ("partitioning", "coarse_summary"):
            query = f"SELECT count(*) FROM {table}"
            rows = connection.exec_driver_sql(query).scalar_one()
            assert rows == (1 if table == "partitioning" else 4 + 1 + 3)
    engine.dispose()


def test_segments_of_memslot_changes_alone_have_them(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "layout.db")
    with RecordingWriter(engine, HEADER, segment_events=4) as writer:
        vm = writer.add_vm(IDENTITY)
        for t in range(400):
            writer.set_memslot(vm, memslot(t % 3, 2048 * (t % 3), 1024 + t, t))
    window = Window(gfn_from=2048, gfn_to=2049)
    expected = [c for c in changes_of(Reader(engine), Window()) if meets(c, window)]
    assert PartitionSource in map(type, sources(Reader(engine), window))
    assert changes_of(Reader(engine), window).tolist() == [c.item() for c in expected]
    assert not check(engine).findings
    engine.dispose()


def meets(change: np.void, window: Window) -> bool:
    first = int(change["gfn"])
    return first < window.gfn_to and first + int(change["npages"]) > window.gfn_from
