"""Databases of older schemas are taken along, with all that is in them."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlmodel import SQLModel

from app.model.guest import Backing, Certainty, GuestMemfd, Memslot
from app.store.catalogue import Pinned, Written, add_note
from app.store.database import delete_recording, open_database
from app.store.errors import StoreError
from app.store.read import Reader
from app.store.schema._migrate import MIGRATIONS

ROWS_OF_0001 = """
INSERT INTO host (id, name) VALUES (1, 'rack-7');
INSERT INTO recording (id, uuid, host_id, name, source, clock, clock_start_ns, coverage, state,
    is_live, last_t, complete_t, lost_events, losses)
    VALUES (3, 'r', 1, 'a storm', 'trace.dat', 'mono', 5, '{}', 'complete', 0, 9, 9, 0, 0);
INSERT INTO vm (id, uuid, recording_id, name, pid, created_certainty, ended_is_inferred,
    start_state, is_unattributed, revision, last_t, events, events_by_kind, requested, applied,
    failed, unconfirmed, effective_pages, private_pages, shared_pages, unknown_pages, mixed_blocks,
    lost_events, layout_is_known)
    VALUES (7, 'v', 3, 'guest', 42, 'seen', 0, 'shared', 0, 1, 9, 0, '{}', 0, 0, 0, 0, 0, 0, 16, 0,
        0, 0, 1);
INSERT INTO memslot (id, vm_id, as_id, slot, base_gfn, npages, flags, backing, backing_certainty,
    userspace_addr, guest_memfd, guest_memfd_offset, from_t)
    VALUES (11, 7, 0, 2, 256, 16, 4, 'mixed', 'seen', -4096, 9, 0, 1);
INSERT INTO guest_memfd (id, vm_id, fd, size, flags, created_t) VALUES (13, 7, 9, 65536, 1, 1);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of the first schema with a row of each kind."""
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
        command.upgrade(_config(connection), "0001")
        connection.commit()
    engine.dispose()
    with sqlite3.connect(path) as raw:
        raw.executescript(ROWS_OF_0001)
    raw.close()
    return path


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def test_a_database_of_the_first_schema_keeps_all_it_has(old: Path) -> None:
    engine = open_database(old)
    reader = Reader(engine)
    vm = reader.vm(7)
    assert (vm.name, vm.pid, vm.process_start_ns, vm.guest_uuid) == ("guest", 42, None, None)
    assert reader.memslots(7) == [
        Memslot(2, 256, 16, 4, Backing.MIXED, Certainty.SEEN, (1 << 64) - 4096, 9, 0, from_t=1)
    ]
    assert reader.guest_memfds(7) == [GuestMemfd(9, 65536, 1, 1, None, None)]
    add_note(engine, 7, Pinned(5), Written("kept since the first schema"))
    assert [note.text for note in reader.notes(7)] == ["kept since the first schema"]
    engine.dispose()


def test_a_migrated_database_is_what_a_new_one_is(old: Path) -> None:
    """Deleting a recording still takes along what belongs to it, and indices are still there."""
    engine = open_database(old)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    add_note(engine, 7, Pinned(5), Written("goes along"))
    delete_recording(engine, 3)
    with engine.connect() as connection:
        for table in ("vm", "memslot", "guest_memfd", "note"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
    engine.dispose()


def test_reading_only_does_not_migrate(old: Path) -> None:
    with pytest.raises(StoreError, match="open it once with write access"):
        open_database(old, read_only=True)


def test_the_schema_goes_back_as_far_as_the_first_can_tell(old: Path) -> None:
    open_database(old).dispose()
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0001")
    with engine.connect() as connection:
        query = "SELECT slot, flags, userspace_addr FROM memslot"
        assert connection.exec_driver_sql(query).one() == (2, 4, -4096)
    engine.dispose()


def test_checksums_taken_without_a_later_column_are_not_held_against_a_recording(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sealed.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0006")
        connection.commit()
    engine.dispose()
    with sqlite3.connect(path) as raw:
        raw.executescript(ROWS_OF_0001)
        raw.execute("UPDATE recording SET row_checksum = 1")
        raw.execute("UPDATE vm SET row_checksum = 1")
    raw.close()
    opened = open_database(path)
    reader = Reader(opened)
    assert reader.vm(7).name == "guest"
    assert reader.damaged_rows(reader.recording(3)) == []
    opened.dispose()


def test_doubts_are_taken_out_of_the_conversions_that_leave_changes_open(tmp_path: Path) -> None:
    """Checksums are kept of what does not change."""
    path = tmp_path / "doubts.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0008")
        connection.commit()
    engine.dispose()
    columns = "recording_id, name, created_certainty, ended_is_inferred, start_state, revision, "
    columns += "is_unattributed, last_t, events, requested, applied, failed, unconfirmed, "
    columns += "effective_pages, private_pages, shared_pages, unknown_pages, mixed_blocks, "
    columns += "lost_events, layout_is_known"
    with sqlite3.connect(path) as raw:
        raw.executescript(ROWS_OF_0001)
        raw.execute(
            """UPDATE vm SET events_by_kind = '{"conversion": 41, "doubt": 82}', uncertain = 123,
            row_checksum = 1"""
        )
        for vm_id, kinds, uncertain in ((8, '{"conversion": 4}', "3"), (9, '{"doubt": 2}', "NULL")):
            raw.execute(
                f"INSERT INTO vm (id, uuid, events_by_kind, uncertain, row_checksum, {columns}) "
                f"SELECT {vm_id}, 'v{vm_id}', '{kinds}', {uncertain}, 1, {columns} FROM vm "
                "WHERE id = 7"
            )
        raw.execute("UPDATE recording SET row_checksum = 1")
    raw.close()
    open_database(path).dispose()
    with sqlite3.connect(path) as raw:
        rows = raw.execute("SELECT uncertain, row_checksum FROM vm ORDER BY id").fetchall()
        assert rows == [(41, None), (3, 1), (None, 1)]
        assert raw.execute("SELECT row_checksum FROM recording").fetchall() == [(None,)]
    raw.close()
