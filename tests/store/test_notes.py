"""Notes: kept beside living recordings, gone with theirs, never half of one."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.store.catalogue import Pinned, Written, add_note, change_note, delete_note
from app.store.database import _connecting as connecting, delete_recording, lock_path, open_database
from app.store.errors import Conflict, NotFound, StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, Write, random_events

HERE = Pinned(100)
SAID = Written("slow from here on", "ann")


def texts(engine: Engine, vm_id: int, *window: int | None) -> list[str]:
    return [note.text for note in Reader(engine).notes(vm_id, *window)]


def test_a_note_is_kept_as_it_was_written(engine: Engine, write: Write) -> None:
    vm_id = write(random_events(10)).vm_id
    note_id = add_note(engine, vm_id, Pinned(100, 200, 16, 4), SAID)
    note = Reader(engine).note(vm_id, note_id)
    assert (note.from_t, note.to_t, note.gfn, note.npages) == (100, 200, 16, 4)
    assert (note.text, note.author, note.changed_ns, note.revision) == (SAID.text, "ann", None, 1)


def test_notes_are_found_by_the_window_they_meet(engine: Engine, write: Write) -> None:
    vm_id = write(random_events(10)).vm_id
    for name, pinned in {
        "late": Pinned(300),
        "long": Pinned(50, 250),
        "instant": Pinned(100),
    }.items():
        add_note(engine, vm_id, pinned, Written(name))
    assert texts(engine, vm_id) == ["long", "instant", "late"]
    assert texts(engine, vm_id, 100, 101) == ["long", "instant"]
    assert texts(engine, vm_id, 101, 300) == ["long"]
    assert texts(engine, vm_id, 250, None) == ["late"]
    assert texts(engine, vm_id, None, 50) == []


def test_a_change_must_know_what_it_changes(engine: Engine, write: Write) -> None:
    vm_id = write(random_events(10)).vm_id
    note_id = add_note(engine, vm_id, HERE, SAID)
    change_note(engine, vm_id, note_id, 1, Pinned(7), Written("mine"))
    with pytest.raises(Conflict, match="changed meanwhile"):
        change_note(engine, vm_id, note_id, 1, HERE, Written("yours"))
    note = Reader(engine).note(vm_id, note_id)
    assert (note.from_t, note.text, note.author, note.revision) == (7, "mine", None, 2)
    assert note.changed_ns is not None


def test_every_change_is_told_and_no_failure_is(engine: Engine, write: Write) -> None:
    """Those who watch a VM see its notes' revision, and its history's stays as it is."""
    vm_id = write(random_events(10)).vm_id
    before = Reader(engine).watermarks()[0]
    note_id = add_note(engine, vm_id, HERE, SAID)
    change_note(engine, vm_id, note_id, 1, HERE, Written("more"))
    for wrong in (0, 1):
        with pytest.raises(Conflict):
            change_note(engine, vm_id, note_id, wrong, HERE, SAID)
    delete_note(engine, vm_id, note_id)
    with pytest.raises(NotFound, match=f"VM {vm_id} has no note {note_id}"):
        delete_note(engine, vm_id, note_id)
    after = Reader(engine).watermarks()[0]
    assert (before.notes_revision, after.notes_revision) == (0, 3)
    assert after.revision == before.revision


def test_notes_are_written_beside_a_living_recording(engine: Engine, path: Path) -> None:
    """Neither the recording nor its liveness is touched."""
    other = open_database(path)
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        vm_id = writer.add_vm(IDENTITY)
        events = random_events(200)
        for first in range(0, 200, 50):
            add_note(other, vm_id, Pinned(first), Written(f"after {first}"))
            writer.append(vm_id, events[first : first + 50])
            writer._commit()
        os.utime(lock_path(engine), (1, 1))
        add_note(other, vm_id, HERE, Written("late"))
        writing = Reader(other).writing(Reader(other).recordings()[0])
        assert writing is not None
        assert writing.silent_ns > 10**15  # a note is no sign of life of the writer
    assert len(texts(other, vm_id)) == 5
    assert Reader(other).watermarks()[0].notes_revision == 5
    assert Reader(other).vm(vm_id).events == 200
    other.dispose()


def test_a_deleted_recording_takes_its_notes_along(engine: Engine, write: Write) -> None:
    gone, kept = write(random_events(10)), write(random_events(10))
    for written in (gone, kept):
        add_note(engine, written.vm_id, HERE, SAID)
    delete_recording(engine, gone.recording_id)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT vm_id FROM note").scalars().all() == [kept.vm_id]


def test_what_is_not_there_or_going_has_no_notes(engine: Engine, write: Write) -> None:
    written = write(random_events(10))
    with pytest.raises(NotFound, match="no VM 77"):
        add_note(engine, 77, HERE, SAID)
    with pytest.raises(NotFound, match="has no note 5"):
        Reader(engine).note(written.vm_id, 5)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET state = 'deleting'")
    with pytest.raises(NotFound):
        add_note(engine, written.vm_id, HERE, SAID)


def test_a_note_of_another_vm_is_not_touched(engine: Engine, write: Write) -> None:
    mine, other = write(random_events(10)).vm_id, write(random_events(10)).vm_id
    note_id = add_note(engine, mine, HERE, SAID)
    for act in (
        lambda: delete_note(engine, other, note_id),
        lambda: change_note(engine, other, note_id, 1, HERE, SAID),
        lambda: Reader(engine).note(other, note_id),
    ):
        with pytest.raises(NotFound):
            act()
    assert texts(engine, mine) == [SAID.text]


def test_a_locked_or_read_only_database_is_said(
    path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm_id = write(random_events(10)).vm_id
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 20)
    engine = open_database(path)
    with sqlite3.connect(path) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process holds the database locked"):
            add_note(engine, vm_id, HERE, SAID)
        holder.rollback()
    holder.close()
    reading = open_database(path, read_only=True)
    with pytest.raises(StoreError, match="the database may not be written"):
        add_note(reading, vm_id, HERE, SAID)
    assert texts(engine, vm_id) == []
    engine.dispose()
    reading.dispose()
