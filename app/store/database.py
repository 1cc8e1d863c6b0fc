"""Opening a database: a SQLite file by path, or any SQLAlchemy URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.store.errors import StoreError, WriterBusy, explained
from app.store.lock import WriterLock
from app.store.migrate import create, migrate, schema_version
from app.store.recover import recover
from app.store.tables import SCHEMA_VERSION

BUSY_TIMEOUT_MS = 10_000
APPLICATION_ID = 0x676D656D
"""Marks the SQLite file as ours for file(1): "gmem"."""


def default_database() -> str:
    """GMEMSCOPE_DATABASE_URL, else gmemscope.db in the user's data folder."""
    configured = os.environ.get("GMEMSCOPE_DATABASE_URL")
    if configured:
        return configured
    return str(data_folder() / "gmemscope.db")


def data_folder() -> Path:
    """The user's data folder for this program (XDG base directory specification)."""
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data_home) / "gmemscope"


def open_database(url_or_path: str | Path, *, read_only: bool = False) -> Engine:
    """Open a database, creating and migrating it unless read_only.

    A recording whose writer died is marked incomplete. Raises StoreError if the file is no
    database, not ours, of a newer schema, or (read_only) missing or of an older schema.
    """
    url = _as_url(url_or_path)
    name = url.render_as_string()
    if url.get_backend_name() == "sqlite":
        url = _prepare_sqlite_url(url, read_only)
    engine = _create_engine(url)
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine, read_only)
    try:
        with explained(name):
            _check_version(engine, name) if read_only else _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which every query sees one and the same state of the database."""
    with explained(str(engine.url.database)), engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def _as_url(url_or_path: str | Path) -> URL:
    text = str(url_or_path)
    if "://" in text:
        try:
            return make_url(text)
        except ArgumentError as error:
            raise StoreError(f"{text}: {error}") from error
    return URL.create("sqlite", database=str(Path(text).expanduser().absolute()))


def _create_engine(url: URL) -> Engine:
    try:
        return create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(f"{url.render_as_string()}: {error}") from error


def _prepare_sqlite_url(url: URL, read_only: bool) -> URL:
    if not url.database or url.database == ":memory:":
        raise StoreError("a database in memory cannot be shared; name a file")
    path = Path(url.database)
    if read_only:
        if not path.is_file():
            raise StoreError(f"{path}: there is no database")
        return url
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot be created ({error.strerror})") from error
    return url


def _configure_sqlite(engine: Engine, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 -- DBAPI objects
        # The driver's own transaction handling begins none for SELECT, which would let a reader
        # see two states of the database within one answer.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _check_version(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        if schema_version(connection) != SCHEMA_VERSION:
            raise StoreError(f"{name}: of an older schema; open it once with write access")


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection:
        is_current = schema_version(connection) == SCHEMA_VERSION
    if engine.dialect.name != "sqlite":
        if not is_current:
            _migrate(engine)
        return
    try:
        with WriterLock(engine, patience_s=0.0 if is_current else 5.0):
            if not is_current:
                _migrate(engine)
            recover(engine)
    except WriterBusy:
        # Somebody writes: what is current is then in order, and its recording is not stale.
        if not is_current:
            raise


def _migrate(engine: Engine) -> None:
    # Immediate, for it waits: a transaction that begins to write after others did is refused.
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        version = schema_version(connection)
        if version == SCHEMA_VERSION:
            return
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        if version is None:
            create(connection)
        else:
            migrate(connection)
