"""The schema version of a database: reading it, refusing what is not ours, moving it forward."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

from app.store.errors import StoreError
from app.store.schema._tables import SCHEMA_VERSION

MIGRATIONS = Path(__file__).parent / "migrations"


def schema_version(connection: Connection) -> str | None:
    """The database's schema version, None if it is empty.

    Raises StoreError if the database is another program's or a newer gmemscope's.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables or "recording" not in tables:
        raise StoreError(
            f"{connection.engine.url.database}: a database, but not one of gmemscope's "
            f"(it has the tables {', '.join(tables[:5])})"
        )
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if int(version) > int(SCHEMA_VERSION):
        raise StoreError(
            f"{connection.engine.url.database}: written by a newer gmemscope (schema {version}; "
            f"this one knows up to {SCHEMA_VERSION}); upgrade gmemscope to open it"
        )
    return str(version)


def create(connection: Connection) -> None:
    """Make the tables of an empty database as they are now: what the migrations come to."""
    SQLModel.metadata.create_all(connection, checkfirst=False)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO alembic_version VALUES ('{SCHEMA_VERSION}')"))


def migrate(connection: Connection) -> None:
    """Bring an older schema to SCHEMA_VERSION inside the caller's transaction."""
    # Alembic costs a quarter of a second to import, and few databases need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA_VERSION)
