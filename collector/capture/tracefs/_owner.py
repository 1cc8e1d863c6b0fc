"""The name of what a process of ours makes in tracefs: it names whose it is, for good.

A process is its id together with its start time; ids alone are given again.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_NAME = re.compile(r"gmemscope_(\d+)_(\d+)(?:_count)?")
_START_TIME = 22 - 3  # of the fields after the command's name (proc(5), /proc/PID/stat)


@dataclass(frozen=True, slots=True)
class Owner:
    pid: int
    start: int  # clock ticks since the boot

    @classmethod
    def ourselves(cls) -> Self:
        pid = os.getpid()
        return cls(pid, start_of(pid) or 0)

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Whose name that is; None if it is none of ours."""
        match = _NAME.fullmatch(name)
        return None if match is None else cls(int(match[1]), int(match[2]))

    @property
    def name(self) -> str:
        """A legal name of an event group (is_good_system_name, kernel/trace/trace_probe.c)."""
        return f"gmemscope_{self.pid}_{self.start}"

    @property
    def counting_name(self) -> str:
        """Of an instance beside it, in which events are only counted."""
        return f"{self.name}_count"

    @property
    def is_gone(self) -> bool:
        return start_of(self.pid) != self.start


def start_of(pid: int) -> int | None:
    """The start time of a process; None: there is none of that id."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[_START_TIME])
