"""`gmemscope import` of files that would do harm, in a process of its own, which they may kill."""

import lzma
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOSTILE = ROOT / "tests" / "recordings" / "hostile"
MOST_BYTES = 1 << 30
MOST_CPU_S = 120
"""Nothing here takes long; beyond, something multiplies. Compiling is part of the first run."""
MEASURE = f"""
import os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_CPU_S}, {MOST_CPU_S}))
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(status, used.ru_maxrss)
"""
"""A process between: what a child held counts from its fork on, when it holds what its parent does
(setmax_mm_hiwater_rss() in fs/exec.c), and that of the tests may be large."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an import ended; a negative status is a signal."""

    status: int
    said: str
    bytes_held: int


def unpacked(name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(lzma.decompress((HOSTILE / f"{name}.xz").read_bytes()))
    return path


def imported(files: Sequence[Path], database: Path) -> Ended:
    """Import files, all by one process; more than one is told apart by `said`."""
    command = [sys.executable, "-m", "app.cli", "import", *map(str, files)]
    with (database.parent / "said").open("w+") as said:
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, *command, "--again", "--database", str(database)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            check=True,
        )
        status, held_kib = map(int, measured.stdout.split())
        said.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), said.read(), held_kib << 10)


def check(ended: Ended) -> None:
    """It ended as one that was refused or kept in part, or whole, and took no more than it may."""
    assert ended.status in (0, 1), ended.said
    assert "Traceback" not in ended.said
    assert ended.bytes_held < MOST_BYTES
