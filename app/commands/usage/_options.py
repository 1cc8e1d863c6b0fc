"""Options that several commands share, spelled once.

Modules of this package import nothing heavy at their top: `gmemscope --help` reads them all.
"""

import atexit
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="PATH|URL",
        help="Where recordings are kept. Default: GMEMSCOPE_DATABASE_URL, else gmemscope.db in "
        "the user's data folder.",
        show_default=False,
    ),
]

VmName = Annotated[str, typer.Argument(metavar="VM", help="A VM's id, uuid, or name if unique.")]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def open_engine(database: str | None, *, read_only: bool = False) -> "Engine":
    """Open the database named by `--database`, or the default one, making it if need be."""
    from app.store.database import default_database, open_database

    return _closed_at_exit(open_database(database or default_database(), read_only=read_only))


def open_to_read(database: str | None) -> "Engine":
    """As `open_engine`, for commands that only read: what `--database` names must be there, and
    need not be writable."""
    from app.store.database import default_database, open_database, open_or_make

    if database is not None:
        return _closed_at_exit(open_database(database, must_exist=True))
    return _closed_at_exit(open_or_make(default_database()))


def require_database(database: str) -> None:
    """Raises StoreError if what `--database` names is not there."""
    open_to_read(database).dispose()


def _closed_at_exit(engine: "Engine") -> "Engine":
    """SQLite moves its log (`-wal`) into the database file when the last connection closes: a
    command that ends without leaves a file that nobody can copy alone."""
    atexit.register(engine.dispose)
    return engine
