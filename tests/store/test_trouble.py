"""A full disk, a locked database, a URL that leads nowhere: said clearly, and nothing is lost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from sqlalchemy import Connection, Engine

from app.store.database import _connecting as connecting, open_database
from app.store.errors import StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from app.store.write._vm_writer import VmWriter
from tests.store.histories import HEADER, IDENTITY, random_events


@pytest.fixture
def small_disk(engine: Engine) -> Iterator[Engine]:
    """A database that may not grow beyond 100 KiB or so."""
    engine.dispose()

    def limit(connection: Any, _record: object) -> None:  # noqa: ANN401 -- a DBAPI object
        connection.execute("PRAGMA max_page_count = 60")

    sqlalchemy.event.listen(engine, "connect", limit)
    yield engine
    sqlalchemy.event.remove(engine, "connect", limit)


def test_a_full_disk_is_said_and_what_was_committed_is_kept(small_disk: Engine, path: Path) -> None:
    with (
        pytest.raises(StoreError, match="the disk is full"),
        RecordingWriter(small_disk, HEADER, segment_events=200) as writer,
    ):
        vm_id = writer.add_vm(IDENTITY)
        writer.append(vm_id, random_events(100_000))
    small_disk.dispose()
    engine = open_database(path)
    (recording,) = Reader(engine).recordings()
    assert recording.state == "incomplete"
    stored = Reader(engine).vm(vm_id).events
    assert 200 <= stored < 100_000
    assert sum(len(seqs) for _, seqs in Reader(engine).iter_events(vm_id)) == stored
    engine.dispose()


def test_a_commit_that_fails_halfway_leaves_no_hole(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One VM's segment was sealed and forgotten when another's could not be written."""
    events = random_events(400)
    write = VmWriter.write
    disk_is_full = False

    def write_or_fail(
        vm: VmWriter, connection: Connection, *, seal: bool, is_last: bool = False
    ) -> None:
        nonlocal disk_is_full
        if disk_is_full and vm.vm_id == second:
            disk_is_full = False
            raise StoreError("the disk is full")
        write(vm, connection, seal=seal, is_last=is_last)

    monkeypatch.setattr(VmWriter, "write", write_or_fail)
    with (
        pytest.raises(StoreError, match="the disk is full"),
        RecordingWriter(engine, HEADER, segment_events=100) as writer,
    ):
        first, second = writer.add_vm(IDENTITY), writer.add_vm(IDENTITY)
        writer.append(first, events[:150])
        committed = Reader(engine).vm(first).events
        disk_is_full = True
        writer.append(second, events[:60])
        writer.append(first, events[150:])
    reader = Reader(engine)
    (recording,) = reader.recordings()
    assert (recording.state, recording.incomplete_reason) == ("incomplete", "the disk is full")
    for vm_id, count in ((first, committed), (second, 0)):
        seqs = [chunk for _, chunk in reader.iter_events(vm_id)]
        assert np.concatenate([[], *seqs]).tolist() == list(range(count))
        assert reader.vm(vm_id).events == count


def test_a_locked_database_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 50)
    engine, other = open_database(path), open_database(path)
    with closing(other.raw_connection()) as connection:
        connection.cursor().execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StoreError, match="another process holds the database locked"),
            RecordingWriter(engine, HEADER),
        ):
            pass
    engine.dispose()
    other.dispose()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        open_database(tmp_path / "file" / "gmemscope.db")


@pytest.mark.parametrize("url", ["nothing://here", "://"])
def test_a_url_that_leads_nowhere_is_said(url: str) -> None:
    with pytest.raises(StoreError):
        open_database(url)
