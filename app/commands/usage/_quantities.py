"""Amounts of memory, instants and ages as people type them on the command line."""

import re
from decimal import Decimal

import typer

SHIFTS = {"k": 10, "m": 20, "g": 30, "t": 40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?", re.IGNORECASE)
UNITS_NS = {"": 1, "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
AGE_UNITS_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
INSTANT = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|)")


def parse_size(text: str) -> int:
    """Read bytes: `16GiB`, `16G`, `1.5TiB`. Units are powers of 1024."""
    matched = SIZE.fullmatch(text.strip())
    if matched is None:
        raise typer.BadParameter(f"{text!r} is no amount of memory; write 16GiB or 1TiB")
    return int(Decimal(matched[1]) * (1 << SHIFTS[matched[2].lower()]))


def parse_instant(text: str) -> int:
    """Read ns since the recording's start: `12500000000`, `12.5s`, `300ms`."""
    matched = INSTANT.fullmatch(text.strip().replace("_", ""))
    if matched is None:
        raise typer.BadParameter(f"{text!r} is no time; write 12500000000 (ns), 12.5s or 300ms")
    return int(Decimal(matched[1]) * UNITS_NS[matched[2]])


def parse_age(text: str) -> int:
    """Read seconds: `7d`, `36h`, `90min`, `2w`."""
    matched = AGE.fullmatch(text.strip())
    if matched is None:
        raise typer.BadParameter(f"{text!r} is no age; write 7d, 36h, 90min, 30s or 2w")
    return int(Decimal(matched[1]) * AGE_UNITS_S[matched[2]])
