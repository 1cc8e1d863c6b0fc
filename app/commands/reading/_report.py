"""`gmemscope report`: one file that shows what happened, to send around."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.usage import Database, VmName, open_to_read, opened_output, report_damage
from app.errors import CommandError

StormName = Annotated[
    str | None,
    typer.Option("--storm", metavar="N", help="Only this storm: its place or its id."),
]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file.")]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Only what may leave the house: no name, id, address or clock; it states that.",
    ),
]


def command(
    vm: VmName,
    output: Output,
    storm: StormName = None,
    redact: Redact = False,
    database: Database = None,
) -> None:
    """Write a VM's storms, or its whole recording if there is none, as one HTML file.

    It opens without a server and without a network; its figures can be zoomed, and it prints well.
    """
    from app.queries.inventory import find_vm
    from app.report import ReportError, build_report
    from app.store.read import Reader

    reader = Reader(open_to_read(database))
    try:
        row = find_vm(reader, vm)
        text = build_report(reader, row, storm, redact=redact)
    except ReportError as error:
        raise CommandError(str(error)) from error
    with opened_output(output) as target:
        target.write(text.encode())
    print(f"{output}: {len(text.encode()) / 1e6:.1f} MB")
    report_damage(reader, row.recording_id)
