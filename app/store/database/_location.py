"""Where an open database lies."""

from pathlib import Path

from sqlalchemy import Engine

from app.store.database._place import Place
from app.store.errors import StoreError

PLACE = "place"
"""The engine's option that holds it."""


def place_of(engine: Engine) -> Place:
    """Raises StoreError if there is no SQLite file."""
    place = engine.get_execution_options().get(PLACE)
    if not isinstance(place, Place):
        raise StoreError(
            f"{engine.url.render_as_string()}: only SQLite files can be written by this version"
        )
    return place


def database_path(engine: Engine) -> Path:
    """The SQLite file. Raises StoreError if there is none."""
    return place_of(engine).path
