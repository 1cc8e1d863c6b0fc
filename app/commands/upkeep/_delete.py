"""`gmemscope delete`: recordings that nobody needs any more."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.commands.upkeep._deleting import (
    Stored,
    all_stored,
    chosen_of,
    delete_all,
    freed_line,
    result_json,
)
from app.commands.usage import Database, Json, open_to_read
from app.errors import CommandError, UsageError

Recordings = Annotated[
    list[str],
    typer.Argument(metavar="RECORDING...", help="Ids or uuids, as `gmemscope list` shows them."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def command(
    recordings: Recordings, yes: Yes = False, database: Database = None, as_json: Json = False
) -> None:
    """Delete recordings for good, with their VMs, events and notes.

    On a terminal it asks first; without one, --yes is needed. A recording that is being written is
    not deleted. A collector that records into the same database meanwhile goes on. The space is
    given back: the database's file becomes smaller.
    """
    from app.store.catalogue import Catalogue

    engine = open_to_read(database)
    doomed = chosen_of(all_stored(Catalogue(engine)), recordings)
    refuse_what_is_written(doomed)
    if not yes:
        ask(doomed)
    freed = delete_all(engine, doomed)
    if as_json:
        print(result_json(doomed, freed))
        return
    print("\n".join(f"deleted {one.line}" for one in doomed))
    print(freed_line(freed))


def refuse_what_is_written(doomed: Sequence[Stored]) -> None:
    """Raises CommandError."""
    written = [str(one.recording.id) for one in doomed if one.storage.is_written]
    if written:
        raise CommandError(
            f"recording {', '.join(written)} is being written now; end that first. "
            "Nothing was deleted"
        )


def ask(doomed: Sequence[Stored]) -> None:
    """Raises UsageError if there is nobody to ask, and CommandError if they do not want to."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nothing was deleted: there is no terminal to ask on; give --yes")
    print("\n".join(one.line for one in doomed), file=sys.stderr)
    what = "this recording" if len(doomed) == 1 else f"these {len(doomed)} recordings"
    if not typer.confirm(f"Delete {what} for good?", err=True):
        raise CommandError("nothing was deleted")
