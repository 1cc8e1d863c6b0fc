"""Options that several commands share, spelled once.

Modules of this package import nothing heavy at their top: `gmemscope --help` reads them all.
"""

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

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def open_engine(database: str | None, *, read_only: bool = False) -> "Engine":
    """Open the database named by `--database`, or the default one."""
    from app.store.database import default_database, open_database

    return open_database(database or default_database(), read_only=read_only)
