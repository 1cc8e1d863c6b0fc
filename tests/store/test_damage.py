"""A flipped bit is an error or a loss that is reported, or changes no answer; it is never data."""

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.model.events import EventArray, effect_time
from app.model.guest import Certainty, EventKind, GuestMemfd, PageState
from app.model.pagemap import PageMap
from app.model.raster import Grid
from app.queries.inventory import recording_views
from app.store.catalogue import Pinned, Written, add_note
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.protocol import Loss
from app.store.read import DAMAGE, Reader, check
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

VM = 1
SEGMENT_EVENTS = 100
PAGES = 9216


def history() -> EventArray:
    events = random_events(850, seed=3)
    is_loss = events["kind"] == EventKind.LOSS_BEGIN
    events["kind"][is_loss], events["npages"][is_loss] = EventKind.HYPERCALL, 1
    events["range_certainty"] = Certainty.SEEN
    return events


EVENTS = history()
TIMES = effect_time(EVENTS)
END = int(TIMES[-1])
SECOND = memslot(1, 8192, 1024, from_t=int(TIMES[420]) + 1)
INSTANTS = [int(t) for t in np.linspace(0, END, 16)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a row of each kind and every sort of segment."""
    path = tmp_path_factory.mktemp("damage") / "sound.db"
    engine = open_database(path)
    with RecordingWriter(engine, HEADER, segment_events=SEGMENT_EVENTS) as writer:
        assert writer.add_vm(IDENTITY) == VM
        writer.add_guest_memfd(VM, GuestMemfd(20, 4096 << 12, 0, 5))
        writer.set_memslot(VM, memslot(0, 0, 4096))
        writer.append(VM, EVENTS[:421])
        writer.set_memslot(VM, SECOND)
        writer.append(VM, EVENTS[421:])
        writer.delete_memslot(VM, 0, 1, END)
        writer.add_loss(Loss(10, 20, 3, 0, "tracefs"))
    add_note(engine, VM, Pinned(30), Written("here it began", "someone"))
    engine.dispose()
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "gmemscope.db"))


def grid() -> Grid:
    first = np.arange(0, PAGES, 512, dtype=np.uint64)
    return Grid(np.linspace(0, END + 1, 30).astype(np.int64), first, first + np.uint64(512))


def answers(reader: Reader) -> dict[str, object]:
    """All that can be asked, as text."""
    fitted = reader.fit(VM, grid())
    timeline = reader.timeline(VM, reader.fit_edges(VM, grid().t_edges))
    asked: dict[str, Callable[[], object]] = {
        "recordings": lambda: [one.model_dump() for one in reader.recordings()],
        "hosts": lambda: [one.model_dump() for one in reader.hosts()],
        "vms": lambda: [one.model_dump() for one in reader.vms()],
        "memslots": lambda: reader.memslots(VM),
        "guest_memfds": lambda: reader.guest_memfds(VM),
        "notes": lambda: [one.model_dump() for one in reader.notes(VM)],
        "losses": lambda: reader.losses(1),
        "states": lambda: [reader.page_map_at(VM, t).runs().tolist() for t in INSTANTS],
        "events": lambda: [part.tolist() for part, _ in reader.iter_events(VM)],
        "changes": lambda: [part.tolist() for part in reader.iter_changes(VM)],
        "raster": lambda: [measure.tolist() for measure in vars_of(reader.raster(VM, fitted))],
        "churn": lambda: [measure.tolist() for measure in vars_of(reader.churn(VM, fitted))],
        "timeline": lambda: [measure.tolist() for measure in vars_of(timeline)],
    }
    return {name: ask() for name, ask in asked.items()}


def vars_of(measures: object) -> list[npt.NDArray[np.generic]]:
    return [getattr(measures, name) for name in measures.__dataclass_fields__]  # type: ignore[attr-defined]


def answered(path: Path) -> tuple[dict[str, object] | None, bool]:
    """(what the database answers, None if it answers with an error; whether it reports damage)."""
    engine = None
    try:
        engine = open_database(path, read_only=True)
        reader = Reader(engine)
        given = answers(reader)
        said = str([view.incomplete_reason for view in recording_views(reader)]) + str(
            given["notes"]
        )
        return given, "damaged" in said
    except StoreError:
        return None, True
    finally:
        if engine is not None:
            engine.dispose()


@pytest.fixture(scope="module")
def expected(sound: Path) -> dict[str, object]:
    given, is_damaged = answered(sound)
    assert given is not None
    assert not is_damaged
    return given


def flip(path: Path, table: str, column: str, row: int, bit: int) -> None:
    """Flip a bit of a value, modulo its length."""
    with closing(sqlite3.connect(path)) as raw, raw:
        key, value = raw.execute(f"SELECT rowid, {column} FROM {table}").fetchall()[row]
        data = bytearray(value)
        at = bit % (8 * len(data))
        data[at // 8] ^= 1 << at % 8
        raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(data), key))


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


BLOBS = [
    ("segment", "event_blob", "events"),
    ("segment", "change_blob", "changes"),
    ("keyframe", "blob", "keyframe"),
    ("summary", "cell_blob", "cells"),
    ("summary", "timeline_blob", "timeline"),
    ("coarse_summary", "timeline_blob", "coarse summary"),
    ("coarse_cells", "blob", "coarse summary"),
]
"""With what `check` calls each."""


@pytest.mark.parametrize(("table", "column", "part"), BLOBS)
def test_a_flipped_bit_of_a_blob_is_told_or_changes_nothing(
    table: str, column: str, part: str, sound: Path, path: Path, expected: dict[str, object]
) -> None:
    dice = random.Random(f"{table}.{column}")
    for _ in range(6):
        shutil.copy(sound, path)
        flip(path, table, column, dice.randrange(count(path, table)), dice.getrandbits(40))
        given, is_damaged = answered(path)
        assert is_damaged or given == expected
        assert given is not None, "the rest is readable"
        engine = open_database(path, read_only=True)
        assert check(engine).findings
        engine.dispose()


HARMLESS = {("vm", "notes_revision"), ("note", "id"), ("note", "vm_id")}
"""They hold nothing of what happened. A note that is gone is for `check`."""
ROWS = [
    *("host", "recording", "vm", "memslot", "guest_memfd", "loss", "note", "segment", "keyframe"),
    *("coarse_summary", "coarse_cells"),
]


@pytest.mark.parametrize("table", ROWS)
def test_a_changed_value_of_a_row_is_told_or_changes_nothing(
    table: str, sound: Path, path: Path, expected: dict[str, object]
) -> None:
    """Each value of a row once, be it an integer or a text."""
    with closing(sqlite3.connect(path)) as raw:
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
    for column in columns:
        if column.endswith("blob") or (table, column) in HARMLESS:
            continue
        shutil.copy(sound, path)
        with closing(sqlite3.connect(path)) as raw, raw:
            key, value = raw.execute(f"SELECT rowid, {column} FROM {table}").fetchall()[-1]
            if not value and value != 0:
                continue
            other = value ^ 4 if isinstance(value, int) else chr(ord(value[0]) ^ 1) + value[1:]
            raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, key))
        given, is_damaged = answered(path)
        assert is_damaged or given == expected, column


def test_a_flipped_bit_anywhere_in_the_file_is_told_or_changes_nothing(
    sound: Path, path: Path, expected: dict[str, object]
) -> None:
    dice = random.Random(7)
    content = sound.read_bytes()
    for _ in range(25):
        data = bytearray(content)
        at = dice.randrange(8 * len(data))
        data[at // 8] ^= 1 << at % 8
        path.write_bytes(data)
        given, is_damaged = answered(path)
        assert is_damaged or given == expected, f"bit {at}"


@pytest.mark.parametrize("at", range(0, 120, 7))
def test_a_damaged_schema_is_told_or_changes_nothing(
    sound: Path, path: Path, expected: dict[str, object], at: int
) -> None:
    data = bytearray(sound.read_bytes())
    data[data.index(b"CREATE TABLE recording") + at] |= 0xC0
    path.write_bytes(data)
    given, is_damaged = answered(path)
    assert is_damaged or given == expected


def true_map(t: int) -> PageMap:
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(memslot(0, 0, 4096))
    if t < SECOND.from_t:
        page_map.apply(EVENTS[t >= TIMES], 0)
        return page_map
    page_map.apply(EVENTS[:421], 0)
    page_map.set_memslot(SECOND)
    page_map.apply(EVENTS[421:][TIMES[421:] <= t], 421)
    return page_map


def states_of(page_map: PageMap) -> npt.NDArray[np.uint8]:
    states = np.full(PAGES, PageState.NO_MEMSLOT, np.uint8)
    for run in page_map.runs():
        states[int(run["gfn"]) : int(run["gfn"] + run["npages"])] = run["state"]
    return states


def segments_of(path: Path) -> list[tuple[int, int, int]]:
    """(first effect time, last effect time, has a map after it) in order."""
    query = (
        "SELECT first_t, last_t, k.segment_id IS NOT NULL FROM segment s "
        "LEFT JOIN keyframe k ON k.segment_id = s.id ORDER BY number"
    )
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(query).fetchall()


@pytest.mark.parametrize("number", range(9))
def test_a_damaged_segment_is_a_loss_and_what_is_known_is_true(path: Path, number: int) -> None:
    first_t, last_t, has_map = segments_of(path)[number]
    until = next((to for _, to, kept in segments_of(path)[number:] if kept), END + 1)
    flip(path, "segment", "change_blob", number, 999)
    engine = open_database(path)
    reader = Reader(engine)
    known_again = 0
    for t in sorted({*INSTANTS, first_t, last_t, END - 1}):
        if t >= END:
            continue  # the second memslot went
        got, true = states_of(reader.page_map_at(VM, t)), states_of(true_map(t))
        is_known = got != PageState.UNKNOWN
        np.testing.assert_array_equal(got[is_known], true[is_known])
        if t < first_t or t >= until:
            np.testing.assert_array_equal(got, true)
        elif t < last_t or (t == last_t and not has_map):
            memory = true != PageState.NO_MEMSLOT
            assert (got[memory] == PageState.UNKNOWN).all()
        else:
            known_again += int((got < PageState.UNKNOWN).sum())
    if until > last_t and number < 8:
        assert known_again > 0, "what is converted later is known again"
    (loss,) = [one for one in reader.losses(1) if one.source == DAMAGE]
    assert (loss.from_t, loss.to_t) == (first_t, last_t)
    (view,) = recording_views(reader)
    assert view.state == "incomplete"
    assert f"{loss.count} events in 1 stretch, now a loss" in str(view.incomplete_reason)
    assert (view.losses, view.lost_events) == (2, 3 + (loss.count or 0))
    engine.dispose()


def test_many_that_meet_the_same_damage_at_once_all_get_an_answer(path: Path) -> None:
    flip(path, "segment", "event_blob", 4, 300)
    engine = open_database(path)
    reader, together = Reader(engine), Barrier(6)

    def ask(_: int) -> int:
        together.wait()
        return int(reader.raster(VM, grid()).unknown.sum())

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(ask, range(6)))) == 1
    engine.dispose()


def test_every_view_of_a_damaged_history_agrees(path: Path) -> None:
    """Timeline and raster add up changes, the state comes from maps that replay them."""
    for number in (2, 3, 8):
        flip(path, "segment", "event_blob", number, 500)
    engine = open_database(path)
    reader = Reader(engine)
    edges = grid().t_edges
    timeline = reader.timeline(VM, edges)
    for i, t in enumerate(edges[1:-1].tolist()):
        totals = reader.page_map_at(VM, t - 1).totals()
        counts = timeline.private[i], timeline.shared[i], timeline.unknown[i]
        assert counts == (totals.private, totals.shared, totals.unknown)
    raster = reader.raster(VM, grid())
    shares: list[Any] = list(vars_of(raster)[:3])
    assert all((share >= 0).all() and (share <= 1.0001).all() for share in shares)
    seqs = np.concatenate([part for _, part in reader.iter_events(VM)])
    assert (np.diff(seqs) > 0).all()
    kinds = np.concatenate([part["kind"] for part, _ in reader.iter_events(VM)])
    assert np.count_nonzero(kinds == EventKind.LOSS_BEGIN) == 3
    assert len(seqs) == len(EVENTS) - sum(one.count or 0 for one in reader.losses(1)) + 3 + 6
    engine.dispose()


def test_damage_of_what_only_makes_fast_loses_nothing(
    path: Path, expected: dict[str, object]
) -> None:
    for table, column, _ in BLOBS[2:]:
        for row in range(count(path, table)):
            flip(path, table, column, row, 777 + row)
    given, is_damaged = answered(path)
    assert given is not None
    assert not is_damaged
    for name in ("states", "events", "changes", "losses"):
        assert given[name] == expected[name]


def test_a_segment_whose_row_is_gone_is_a_loss(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM segment WHERE number IN (3, 8)")
    engine = open_database(path)
    reader = Reader(engine)
    reader.page_map_at(VM, END)
    lost = [one for one in reader.losses(1) if one.source == DAMAGE]
    assert (
        sum(one.count or 0 for one in lost)
        == len(EVENTS) - sum(len(part) for part, _ in reader.iter_events(VM)) + 4
    )
    findings = check(engine).findings
    assert sum("lost with the row" in one.says for one in findings) == 2
    engine.dispose()


def test_a_sound_database_has_nothing_to_find(sound: Path) -> None:
    engine = open_database(sound, read_only=True)
    checked = check(engine)
    assert checked.findings == ()
    assert (checked.unchecked_recordings, checked.unchecked_segments) == (0, 0)
    engine.dispose()


def test_without_checksums_what_cannot_be_read_is_set_aside_and_the_rest_is_as_ever(
    path: Path, expected: dict[str, object]
) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(
            "UPDATE segment SET row_checksum=NULL, event_checksum=NULL, change_checksum=NULL"
        )
        raw.execute("UPDATE keyframe SET checksum = NULL")
        raw.execute("UPDATE summary SET cell_checksum = NULL, timeline_checksum = NULL")
        raw.execute("UPDATE vm SET memslot_checksum=NULL, guest_memfd_checksum=NULL")
        raw.execute("UPDATE vm SET row_checksum = NULL")
        raw.execute("UPDATE recording SET row_checksum = NULL, loss_checksum = NULL")
        raw.execute("UPDATE note SET checksum = NULL")
    engine = open_database(path)
    checked = check(engine)
    assert checked.findings == ()
    assert (checked.unchecked_recordings, checked.unchecked_segments) == (1, 9)
    given = answers(Reader(engine))
    for name in ("states", "events", "changes", "raster", "timeline", "memslots"):
        assert given[name] == expected[name]
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE segment SET event_blob = x'00' WHERE number = 4")
    engine = open_database(path)
    reader = Reader(engine)
    assert len(list(reader.iter_events(VM))) == 9
    assert [one.source for one in reader.losses(1)] == ["tracefs", DAMAGE]
    assert [one.segment for one in check(engine).findings] == [5]
    engine.dispose()


def test_a_note_of_no_vm_is_found(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE note SET vm_id = 5")
    engine = open_database(path, read_only=True)
    (finding,) = check(engine).findings
    assert "note" in finding.says
    engine.dispose()


def test_what_the_system_refuses_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no file can be opened any more, or compiled code cannot be read."""

    def refused(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("app.store.segments._segments.decode_events", refused)
    reader = Reader(open_database(path, read_only=True))
    with pytest.raises(StoreError, match=os.strerror(errno.EMFILE)):
        list(reader.iter_events(VM))
    monkeypatch.undo()
    assert sum(len(events) for events, _ in reader.iter_events(VM)) == len(EVENTS)
    assert not reader.losses_by_damage(VM)
