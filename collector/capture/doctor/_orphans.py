"""bpftrace processes of collectors that are no more.

A collector's bpftrace ends by itself at its next line, which nobody reads any more. One that hangs
does not.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
FIRST_LINE = "# gmemscope.bt"
"""What the program prints first, whatever its version."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A process that runs the program of a live recording, whose collector is gone."""

    pid: int

    def __str__(self) -> str:
        return f"bpftrace, process {self.pid}, whose collector is gone"


def orphans(proc: Path = PROC) -> list[Orphan]:
    """Provably ours: it runs our program, given by -e, and its parent is no collector any more but
    who takes in orphans."""
    return [
        Orphan(int(path.name))
        for path in sorted(proc.glob("[0-9]*"))
        if _runs_our_program(path) and not _is_collector(proc / str(_parent(path)))
    ]


def end(orphan: Orphan) -> None:
    with suppress(ProcessLookupError):
        os.kill(orphan.pid, signal.SIGKILL)


def _runs_our_program(process: Path) -> bool:
    """Given in its command line: by hand, the same program is run from a file."""
    arguments = _arguments(process)
    return (
        Path(arguments[0]).name == "bpftrace"
        and "-e" in arguments
        and any(FIRST_LINE in argument for argument in arguments)
    )


def _is_collector(process: Path) -> bool:
    """Also a test or a script that runs one: any Python that is its parent."""
    return any("python" in word or "gmemscope" in word for word in _arguments(process)[:2])


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]
