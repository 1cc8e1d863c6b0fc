"""Measure whole processes, take turns between the two that are compared, and print ratios.

Imports nothing large: on Linux the peak memory of a child begins with that of its parent.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

MIB = 1 << 20


class Cost(NamedTuple):
    """What one run of a process took: seconds, seconds of user and system time, bytes."""

    wall: float
    cpu: float
    peak_rss: int


def run(command: Sequence[str], output: Path | None = None) -> Cost:
    """Run a command to its end and return its cost. Its standard output goes to `output`, if any.

    Raises RuntimeError, with what it wrote to standard error, if it fails.
    """
    with (output or Path(os.devnull)).open("wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {complaint.decode(errors='replace')}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def typical(costs: Sequence[Cost]) -> Cost:
    """The median of each column."""
    return Cost(*(median(column) for column in zip(*costs, strict=True)))


def ratios(ours: Sequence[Cost], peer: Sequence[Cost]) -> tuple[float, float]:
    """How often our wall time and our CPU time go into the peer's: medians over paired runs."""
    pairs = list(zip(ours, peer, strict=True))
    return median(b.wall / a.wall for a, b in pairs), median(b.cpu / a.cpu for a, b in pairs)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table whose columns line up."""
    cells = [list(heads), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines), flush=True)
