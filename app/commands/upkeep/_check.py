"""`gmemscope check`: what of a database is damaged."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from app.commands.usage import Database, Json, open_engine
from app.errors import CommandError

if TYPE_CHECKING:
    from app.store.read import Checked, Finding


def command(database: Database = None, as_json: Json = False) -> None:
    """Read all of a database, compare it with its checksums, and list what is damaged.

    Nothing is changed. The exit status is 1 if anything is damaged. What is damaged is set aside by
    every command and by the dashboard: its stretch is a loss there, the rest is as it was.
    """
    from dataclasses import asdict

    from app.store.read import check

    checked = check(open_engine(database, read_only=True))
    if as_json:
        print(json.dumps({"is_sound": not checked.findings} | asdict(checked)))
    else:
        print("\n".join(lines_of(checked)))
    if checked.findings:
        raise typer.Exit(CommandError.exit_status)


def lines_of(checked: "Checked") -> Iterator[str]:
    yield from (line_of(finding) for finding in checked.findings)
    found = f"{len(checked.findings)} damaged" if checked.findings else "no damage found"
    yield f"{checked.recordings} recordings, {checked.segments:,} segments: {found}"
    if checked.unchecked_segments or checked.unchecked_recordings:
        yield (
            f"without checksums, so that only what cannot be read is found: "
            f"{checked.unchecked_segments:,} segments (of an earlier gmemscope), the rows of "
            f"{checked.unchecked_recordings} recordings (the same, or not finished)"
        )


def line_of(finding: "Finding") -> str:
    numbers = {
        "recording": finding.recording,
        "VM": finding.vm,
        "segment": finding.segment,
    }
    place = ", ".join(f"{name} {number}" for name, number in numbers.items() if number is not None)
    if finding.from_t is not None and finding.to_t is not None:
        place += f", t = {finding.from_t / 1e9:.6f} s to {finding.to_t / 1e9:.6f} s"
    return ": ".join(part for part in (place, finding.part, finding.says) if part)
