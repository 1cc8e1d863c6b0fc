"""`gmemscope prune`: recordings that ended long ago go."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.upkeep._deleting import (
    Stored,
    all_stored,
    delete_all,
    freed_line,
    result_json,
)
from app.commands.usage import Database, Json, open_to_read, parse_age

if TYPE_CHECKING:
    from app.store.database import Freed

OlderThan = Annotated[
    int,
    typer.Option(
        "--older-than",
        metavar="AGE",
        parser=parse_age,
        help="Those that ended longer ago: 7d, 36h, 90min or 2w.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would go, and delete nothing.")]


def command(
    older_than: OlderThan, dry_run: DryRun = False, database: Database = None, as_json: Json = False
) -> None:
    """Delete the recordings that ended longer ago than AGE, without asking, and finish deletions
    that were cut short.

    What is being written stays, and so does a recording of which it is not known when it ended: its
    source had no time of day. Those are listed, for `gmemscope delete`. The space is given back:
    the database's file becomes smaller.
    """
    from app.store.catalogue import Catalogue

    engine = open_to_read(database)
    stored = all_stored(Catalogue(engine))
    doomed = [one for one in stored if is_older(one, older_than)]
    undated = [one for one in stored if one.storage.age_s is None and not one.storage.is_written]
    freed = None if dry_run else delete_all(engine, doomed)
    if as_json:
        ids = [one.recording.id for one in undated]
        print(result_json(doomed, freed, dry_run=dry_run, end_not_known=ids))
        return
    print("\n".join(lines_of(doomed, undated, freed)))


def lines_of(
    doomed: Sequence[Stored], undated: Sequence[Stored], freed: "Freed | None"
) -> Iterator[str]:
    """`freed` is None of a dry run."""
    from app.queries.figures import text

    verb = "would delete" if freed is None else "deleted"
    yield from (f"{verb} {one.line}" for one in doomed)
    if not doomed:
        yield "no recording ended as long ago as that"
    if undated:
        ids = ", ".join(str(one.recording.id) for one in undated)
        yield f"kept, as it is not known when they ended: {ids}"
    if freed is not None and (doomed or freed.given_back_bytes):
        yield freed_line(freed)
    if freed is None and doomed:
        nbytes = text.size(sum(one.storage.segment_bytes for one in doomed))
        yield f"{nbytes} of events and maps would come back"


def is_older(one: Stored, age_s: int) -> bool:
    return one.storage.age_s is not None and one.storage.age_s > age_s
