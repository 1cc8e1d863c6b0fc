"""Every real recording in one database, and a dashboard over it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from app.settings import Settings
from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.importing import format_of, import_file
from tests.serving import serving


@pytest.fixture(scope="session")
def all_recordings(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with each file of tests/recordings but the hostile ones. Only to be read."""
    database = tmp_path_factory.mktemp("all") / "gmemscope.db"
    engine = open_database(database)
    for path in sorted(recordings.rglob("*")):
        if (
            path.is_file()
            and not path.name.endswith(".truth.jsonl")
            and "hostile" not in path.parts
        ):
            import_file(path, format_of(path), lambda header: RecordingWriter(engine, header))
    engine.dispose()
    return database


@pytest.fixture(scope="session")
def engine(all_recordings: Path) -> Iterator[Engine]:
    opened = open_database(all_recordings, read_only=True)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def reader(engine: Engine) -> Reader:
    return Reader(engine)


@pytest.fixture(scope="session")
def client(all_recordings: Path) -> Iterator[httpx.Client]:
    with serving(Settings(database_url=str(all_recordings))) as opened:
        yield opened
