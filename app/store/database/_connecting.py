"""Connections to a SQLite file: to write and read, to read beside writers, or where no file can be
made beside it.

SQLite needs two files beside a database in WAL mode, to read as well. Where none can be made (a
read-only mount, another user's folder, a full disk) it reads the file alone, which holds everything
unless a log lies beside it. Somebody else may begin to write meanwhile: then the answer is refused.
"""

import os
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from app.store.database._place import Owner, Place, acting_as
from app.store.errors import StoreError

BUSY_TIMEOUT_MS = 10_000


class FileConnection(sqlite3.Connection):
    """Opened and closed with the rights of the folder's owner."""

    owner: Owner | None = None
    unguarded: tuple[Path, tuple[int, ...]] | None = None
    """A file that is read alone, and what it was like when it was opened."""

    def close(self) -> None:
        with acting_as(self.owner):
            super().close()


def connect_to_write(place: Place) -> FileConnection:
    with acting_as(place.owner):
        connection = _connect(place, "rw")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _keep_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _keep_log(connection: FileConnection) -> None:
    """Use WAL mode. Where others open a new database at the same time, SQLite waits for
    nobody: then none of them could go on (sqlite3_busy_handler(), on deadlocks)."""
    patience_end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > patience_end:
                raise
        time.sleep(0.01)


def connect_to_read(place: Place) -> FileConnection:
    """Raises StoreError where what was written last cannot be read."""
    with acting_as(place.owner):
        try:
            return _reading(_connect(place, "rw" if may_write(place) else "ro"))
        except sqlite3.OperationalError as error:
            if not _lacks_room(error):
                raise
        log = place.sibling("-wal")
        if _size(log):
            raise StoreError(
                f"{place.path}: {log.name} beside it holds what was written last, but no file can "
                "be made there to read it with: copy both to where files can be made"
            )
        state = _state(place.path)
        connection = _reading(_connect(place, "ro&immutable=1"))
        connection.unguarded = place.path, state
        return connection


def may_write(place: Place) -> bool:
    """May this process write the database, and make files beside it?"""
    with acting_as(place.owner):
        return os.access(place.path, os.W_OK, effective_ids=True) and os.access(
            place.path.parent, os.W_OK | os.X_OK, effective_ids=True
        )


def refuse_what_changed(engine: Engine) -> None:
    """Let no answer be given from a file that somebody wrote while it was read alone."""

    def refuse(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, FileConnection)
        if driver.unguarded is not None and driver.unguarded[1] != _state(driver.unguarded[0]):
            raise StoreError(f"{driver.unguarded[0]}: it was written meanwhile; ask again")

    @event.listens_for(engine, "after_cursor_execute")
    def _after_execute(connection: Connection, *_unused: object) -> None:
        refuse(connection)

    @event.listens_for(engine, "commit")
    def _on_commit(connection: Connection) -> None:
        refuse(connection)


def _connect(place: Place, mode: str) -> FileConnection:
    connection = sqlite3.connect(
        f"{place.path.as_uri()}?mode={mode}",
        uri=True,
        check_same_thread=False,
        factory=FileConnection,
        # The driver's own transaction handling begins none for SELECT, which would let a reader
        # see two states of the database within one answer.
        isolation_level=None,
    )
    connection.owner = place.owner
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _reading(connection: FileConnection) -> FileConnection:
    """Opens the files that it needs beside the database."""
    connection.execute("PRAGMA query_only = ON")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _lacks_room(error: sqlite3.OperationalError) -> bool:
    """Was there no way to make a file beside the database?"""
    reasons = ("unable to open", "readonly", "disk is full", "disk I/O error", "attempt to write")
    return any(reason in str(error) for reason in reasons)


def _state(path: Path) -> tuple[int, ...]:
    """Changes with the file, and when somebody begins to write it."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, _size(path.with_name(f"{path.name}-wal"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
