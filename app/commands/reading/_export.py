"""`gmemscope export`: everything on screen, as data."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from app.commands.usage import (
    Database,
    Filters,
    VmName,
    filter_of,
    open_to_read,
    opened_output,
    parse_instant,
    report_damage,
    with_event_options,
)
from app.errors import UsageError
from app.queries.choices import TableFormat, What

CACHE_BYTES = 64 << 20
"""Each segment is read once: keeping many would only cost memory."""

ExportedWhat = Annotated[What, typer.Option("--what", help="What to export.")]
At = Annotated[
    int | None,
    typer.Option(
        parser=parse_instant,
        metavar="TIME",
        help="The instant, for state (default: the last) and memslots (default: all there were). "
        "Nanoseconds since the recording's start, or 12.5s, 300ms.",
    ),
]
From = Annotated[
    int | None,
    typer.Option("--from", parser=parse_instant, metavar="TIME", help="From this time on."),
]
To = Annotated[
    int | None,
    typer.Option("--to", parser=parse_instant, metavar="TIME", help="Before this time."),
]
Format = Annotated[
    TableFormat | None,
    typer.Option("--format", help="Default: by the ending of FILE, else jsonl."),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: standard output.")
]


@with_event_options
def command(
    vm: VmName,
    what: ExportedWhat,
    at: At = None,
    from_t: From = None,
    to_t: To = None,
    *,
    filters: Filters,
    table_format: Format = None,
    output: Output = None,
    database: Database = None,
) -> None:
    """Write a VM's conversions, events, memslots, state, changes or notes as a table.

    The exit status is 1 if damage of the database took something of it.
    """
    check_times(what, at, from_t, to_t)
    check_filters(what, filters)
    table_format = table_format or format_of(output)
    from app.queries.events import SCHEMAS, Export, export_batches
    from app.queries.inventory import find_vm
    from app.queries.tables import write_table
    from app.store.read import Reader

    reader = Reader(open_to_read(database), cache_bytes=CACHE_BYTES)
    found = find_vm(reader, vm)
    where = filter_of(reader, found.id, filters)
    batches = export_batches(reader, found, Export(what, at, from_t, to_t, where))
    with opened(output, table_format) as target:
        write_table(batches, SCHEMAS[what], table_format, target.write)
    report_damage(reader, found.recording_id)


def check_times(what: What, at: int | None, from_t: int | None, to_t: int | None) -> None:
    """Raise UsageError where an option of time would be ignored."""
    if what in (What.STATE, What.MEMSLOTS):
        if from_t is not None or to_t is not None:
            raise UsageError(f"{what} hold at an instant: use --at, not --from and --to")
    elif at is not None:
        raise UsageError(f"{what} happen over time: use --from and --to, not --at")
    if from_t is not None and to_t is not None and from_t >= to_t:
        raise UsageError(f"--to {to_t} is not after --from {from_t}")


def check_filters(what: What, filters: Filters) -> None:
    """Raise UsageError where a filter would be ignored."""
    given = [name for name, values in filters.items() if values]
    if given and what not in (What.CONVERSIONS, What.EVENTS):
        raise UsageError(f"--{given[0]} chooses among events: it chooses nothing of {what}")
    if what is What.CONVERSIONS and filters["kind"]:
        raise UsageError("--what conversions is of one kind already: use --what events")


def format_of(output: Path | None) -> TableFormat:
    ending = "" if output is None else output.suffix.removeprefix(".")
    return TableFormat(ending) if ending in list(TableFormat) else TableFormat.JSONL


@contextmanager
def opened(output: Path | None, table_format: TableFormat) -> Iterator[BinaryIO]:
    """The file, or standard output; binary formats are kept off the terminal."""
    if output is None:
        if table_format in (TableFormat.ARROW, TableFormat.PARQUET) and sys.stdout.isatty():
            raise UsageError(f"{table_format} is binary: name a file with -o, or use a pipe")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with opened_output(output) as target:
        yield target
