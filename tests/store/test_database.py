"""Opening: what is new is created, what is old migrated, what is foreign refused in plain words."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlmodel import SQLModel

from app.store.database import default_database, open_database
from app.store.errors import StoreError, explained
from app.store.read import Reader
from app.store.schema import SCHEMA_VERSION, migrate, schema_version
from app.store.schema._migrate import MIGRATIONS


def test_a_new_database_gets_its_folder_and_schema(path: Path) -> None:
    engine = open_database(path)
    assert Reader(engine).recordings() == []
    engine.dispose()
    assert path.is_file()


def test_many_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.db" for i in range(8) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        for engine in threads.map(open_database, paths):
            engine.dispose()


def test_a_new_database_and_all_migrations_come_to_the_same_tables(
    engine: Engine, tmp_path: Path
) -> None:
    migrated = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with migrated.begin() as connection:
        migrate(connection)
        assert schema_version(connection) == SCHEMA_VERSION
    assert differences(migrated) == differences(engine) == []


def differences(engine: Engine) -> list[object]:
    """Between a database and the tables as they are declared."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, SQLModel.metadata))


def test_the_newest_migration_is_the_schema_version() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


def test_a_database_is_in_wal_mode_with_foreign_keys(engine: Engine) -> None:
    pragmas = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "auto_vacuum": 2}
    with engine.connect() as connection:
        for name, value in pragmas.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() == value


def test_a_newer_schema_is_refused(path: Path) -> None:
    open_database(path).dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"newer gmemscope \(schema 0999"):
            open_database(path, read_only=read_only)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(StoreError, match=r"not one of gmemscope's.*bookmarks"):
        open_database(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    path.write_bytes(b"\x17\x08\x44tracing" * 100)
    with pytest.raises(StoreError, match="is not a database"):
        open_database(path)


def test_reading_only_creates_nothing(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        open_database(path, read_only=True)
    assert not path.parent.exists()


def test_reading_only_cannot_write(engine: Engine, path: Path) -> None:
    read_only = open_database(path, read_only=True)
    with pytest.raises(StoreError, match="may not be written"):
        _write(read_only)
    read_only.dispose()


def _write(engine: Engine) -> None:
    with explained("here"), engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO host (name) VALUES ('x')")


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="name a file"):
        open_database("sqlite://")


def test_a_url_opens_the_same_file_as_its_path(path: Path) -> None:
    open_database(path).dispose()
    engine = open_database(f"sqlite:///{path}")
    assert Reader(engine).hosts() == []
    engine.dispose()


def test_the_default_is_the_environments_or_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GMEMSCOPE_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_database() == str(tmp_path / "gmemscope" / "gmemscope.db")
    monkeypatch.setenv("GMEMSCOPE_DATABASE_URL", "sqlite:////elsewhere.db")
    assert default_database() == "sqlite:////elsewhere.db"


def test_the_store_needs_no_web_framework() -> None:
    code = (
        "import sys, app.store.write, app.store.read;"
        "print([m for m in ('fastapi', 'starlette', 'alembic', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
