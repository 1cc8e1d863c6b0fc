"""Commands that read recordings: `list`, `export`, `storms`, `report`.

Each opens the database to read, beside any writer, asks `app.queries` what REST asks too, and
prints a table, JSON or a file. What damage took of the answer goes to standard error.
"""

from app.commands.reading import (
    _export as export,
    _list as list_,
    _report as report,
    _storms as storms,
)

__all__ = [
    "export",
    "list_",
    "report",
    "storms",
]
