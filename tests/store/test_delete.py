"""Deleting a recording removes all of it, and nothing else."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.store.database import delete_recording, open_database
from app.store.errors import NotFound, StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, Write, random_events

TABLES = (
    "recording",
    "vm",
    "memslot",
    "segment",
    "keyframe",
    "summary",
    "loss",
    "guest_memfd",
    "note",
)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in TABLES
        }


def test_a_deleted_recording_leaves_nothing(engine: Engine, write: Write) -> None:
    kept = write(random_events(200))
    before = counts(engine)
    gone = write(random_events(2000), segment_events=16)
    reader = Reader(engine)
    delete_recording(engine, gone.recording_id)
    assert counts(engine) == before
    assert [one.id for one in reader.recordings()] == [kept.recording_id]
    with pytest.raises(NotFound):
        reader.vm(gone.vm_id)


def test_the_file_becomes_smaller(engine: Engine, write: Write, path: Path) -> None:
    gone = write(random_events(5000), segment_events=16)
    delete_recording(engine, gone.recording_id)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0


def test_ids_are_never_used_twice(engine: Engine, write: Write) -> None:
    first = write(random_events(100))
    delete_recording(engine, first.recording_id)
    second = write(random_events(100))
    assert second.vm_id > first.vm_id
    assert second.recording_id > first.recording_id


def test_a_recording_being_written_is_not_deleted(engine: Engine) -> None:
    with (
        RecordingWriter(engine, HEADER) as writer,
        pytest.raises(StoreError, match="still being written"),
    ):
        delete_recording(engine, writer.recording_id)


def test_a_deletion_cut_short_is_finished_by_the_next_opening(
    engine: Engine, write: Write, path: Path
) -> None:
    written = write(random_events(100))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET state = 'deleting'")
    reader = Reader(engine)
    assert (reader.recordings(), reader.vms()) == ([], [])
    with pytest.raises(NotFound):
        reader.recording(written.recording_id)
    open_database(path).dispose()
    assert set(counts(engine).values()) == {0}


def test_what_is_not_there_cannot_be_deleted(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no recording 5"):
        delete_recording(engine, 5)
