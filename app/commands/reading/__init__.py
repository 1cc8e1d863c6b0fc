"""Commands that read recordings: `list`, `export`, `storms`, `report`."""

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
