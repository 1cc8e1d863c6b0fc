"""`gmemscope import` of files that would do harm, in a process of its own, which they may kill."""

import lzma
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.forking import Forked

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
    command = ["import", *files, "--again", "--database", database]
    with (database.parent / "said").open("w+") as said:
        nowhere = subprocess.DEVNULL
        process = Forked(command, MOST_CPU_S, cwd=ROOT, stdin=nowhere, stdout=nowhere, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return Ended(process.returncode, said.read(), used.ru_maxrss << 10)


def check(ended: Ended) -> None:
    """It ended as one that was refused or kept in part, or whole, and took no more than it may."""
    assert ended.status in (0, 1), ended.said
    assert "Traceback" not in ended.said
    assert ended.bytes_held < MOST_BYTES
