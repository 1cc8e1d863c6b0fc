"""Amounts of memory as people type them on the command line."""

import re
from decimal import Decimal

import typer

SHIFTS = {"k": 10, "m": 20, "g": 30, "t": 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Read bytes: `16GiB`, `16G`, `1.5TiB`. Units are powers of 1024."""
    matched = SIZE.fullmatch(text.strip())
    if matched is None:
        raise typer.BadParameter(f"{text!r} is no amount of memory; write 16GiB or 1TiB")
    return int(Decimal(matched[1]) * (1 << SHIFTS[matched[2].lower()]))
