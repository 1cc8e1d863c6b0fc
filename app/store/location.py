"""Where a database lies."""

from pathlib import Path

from sqlalchemy import Engine

from app.store.errors import StoreError


def database_path(engine: Engine) -> Path:
    """The SQLite file. Raises StoreError if there is none."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database:
        raise StoreError(
            f"{engine.url.render_as_string()}: only SQLite files can be written by this version"
        )
    return Path(database.removeprefix("file:").partition("?")[0])
