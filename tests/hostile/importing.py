"""`gmemscope import` of files that would do harm, in a process of its own, which they may kill."""

import lzma
import os
import resource
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
        child = subprocess.Popen(
            [*command, "--again", "--database", str(database)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=_limit,
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return Ended(child.returncode, said.read(), used.ru_maxrss << 10)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))


def check(ended: Ended) -> None:
    """It ended as one that was refused or kept in part, or whole, and took no more than it may."""
    assert ended.status in (0, 1), ended.said
    assert "Traceback" not in ended.said
    assert ended.bytes_held < MOST_BYTES
