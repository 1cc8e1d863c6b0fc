"""Instants as people type them on the command line."""

import re
from decimal import Decimal

import typer

UNITS_NS = {"": 1, "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
INSTANT = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|)")


def parse_instant(text: str) -> int:
    """Read ns since the recording's start: `12500000000`, `12.5s`, `300ms`."""
    matched = INSTANT.fullmatch(text.strip().replace("_", ""))
    if matched is None:
        raise typer.BadParameter(f"{text!r} is no time; write 12500000000 (ns), 12.5s or 300ms")
    return int(Decimal(matched[1]) * UNITS_NS[matched[2]])
