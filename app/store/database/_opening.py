"""Opening a database: a SQLite file by path, or any SQLAlchemy URL."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from app.store.database._connecting import (
    FileConnection,
    connect_to_read,
    connect_to_write,
    may_write,
    refuse_what_changed,
)
from app.store.database._location import PLACE
from app.store.database._lock import WriterLock
from app.store.database._place import Place, acting_as, check_files, find_place, make_file
from app.store.database._recovery import recover
from app.store.errors import NotWritable, StoreError, WriterBusy, explained
from app.store.schema import SCHEMA_VERSION, create, migrate, schema_version

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


def open_database(
    url_or_path: str | Path, *, read_only: bool = False, must_exist: bool = False
) -> Engine:
    """Open a database, migrating it, and making it unless it `must_exist`.

    One that must exist is opened only to be read where it cannot be written: a read-only mount, a
    full disk, another user's file. With read_only nothing is written in any case.
    A recording whose writer died is marked incomplete. Raises StoreError if the file is no
    database, not ours, of a newer schema, missing, or to be read only and of an older schema.
    """
    url = _as_url(url_or_path)
    if url.get_backend_name() != "sqlite":
        return _open_server(url, read_only=read_only)
    place = _place_of(url)
    if (read_only or must_exist) and not _is_there(place):
        raise StoreError(f"{place.path}: there is no database; --database names it")
    check_files(place)
    if read_only:
        return _open_to_read(place, pool=QueuePool if may_write(place) else NullPool)
    if must_exist and not may_write(place):
        return _open_to_read(place, pool=NullPool)
    try:
        return _open_to_write(place)
    except NotWritable as refusal:
        if not must_exist:
            raise
        try:
            return _open_to_read(place, pool=NullPool)
        except StoreError:
            raise refusal from None


def open_or_make(url_or_path: str | Path) -> Engine:
    """As `open_database`: one that is there needs only to be readable."""
    url = _as_url(url_or_path)
    is_there = url.get_backend_name() == "sqlite" and _is_there(_place_of(url))
    return open_database(url_or_path, must_exist=is_there)


def _open_to_write(place: Place) -> Engine:
    with explained(str(place.path)):
        _make_folder(place)
        make_file(place)
    engine = _engine_of(place, lambda: connect_to_write(place))
    with _disposing(engine), explained(str(place.path)):
        _bring_up_to_date(engine)
    check_files(place)
    return engine


def _open_to_read(place: Place, *, pool: type[Pool]) -> Engine:
    """Where files cannot be made beside the database, connections are not to be kept: they may
    not be shared with somebody who begins to write."""
    engine = _engine_of(place, lambda: connect_to_read(place), poolclass=pool)
    refuse_what_changed(engine)
    with _disposing(engine), explained(str(place.path)):
        _check_version(engine, str(place.path))
    return engine


def _open_server(url: URL, *, read_only: bool) -> Engine:
    engine = _create_engine(url)
    name = url.render_as_string()
    with _disposing(engine), explained(name):
        _check_version(engine, name) if read_only else _bring_up_to_date(engine)
    return engine


@contextmanager
def _disposing(engine: Engine) -> Iterator[None]:
    """Of an engine with which something failed."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _engine_of(
    place: Place, connect: Callable[[], FileConnection], poolclass: type[Pool] = QueuePool
) -> Engine:
    url = URL.create("sqlite", database=str(place.path))
    engine = create_engine(url, creator=connect, poolclass=poolclass)
    engine.update_execution_options(**{PLACE: place})

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

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


def _place_of(url: URL) -> Place:
    if not url.database or url.database == ":memory:":
        raise StoreError("a database in memory cannot be shared; name a file")
    return find_place(Path(url.database.removeprefix("file:").partition("?")[0]))


def _is_there(place: Place) -> bool:
    with acting_as(place.owner):
        return os.path.lexists(place.path)


def _make_folder(place: Place) -> None:
    folder = place.path.parent
    try:
        with acting_as(place.owner):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be created ({error.strerror})") from error


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
        with WriterLock(engine, patience_s=0.0 if is_current else 5.0) as lock:
            if not is_current:
                _migrate(engine)
            recover(engine, lock)
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
