"""What every source of kernel records is to the rest of the collector."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.model.layout import VmIdentity
from collector.records import CallArray


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What a source is and what it can and cannot see. Known before its first batch."""

    format: str  # "trace.dat", "bpftrace", ...
    clock: str
    clock_start_ns: int
    host: str
    kernel_release: str | None
    sees: dict[str, bool]  # collector.coverage.Capability value -> is it in this recording
    notes: tuple[str, ...] = ()  # sentences for people: what is missing and what that costs
    events_present: tuple[str, ...] = ()  # "system:name" of the events the recording has
    command_names: dict[int, str] = field(default_factory=dict)  # tid -> comm
    thread_groups: dict[int, int] = field(default_factory=dict)  # tid -> tgid where known
    wall_start_ns: int | None = None
    only_vm: VmIdentity | None = None  # everything is of this VM
    costs: Mapping[str, str] = field(default_factory=dict)
    """Capability value -> what it costs that it is missing here, in place of the general words."""


def shown_name(path: Path) -> str:
    """A file's name as it can be stored and printed: a name on Linux is any bytes but / and NUL."""
    text = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(Exception):
    """A foreign file is not what it should be. Says where, why, and what was kept."""

    def __init__(self, path: Path, offset: int | None, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at offset {self.offset:#x}"
        return f"{shown_name(self.path)}{where}: {self.reason}"


class Source(Protocol):
    """A stream of calls in order of their last timestamp, in batches of bounded size."""

    def describe(self) -> SourceDescription: ...

    def batches(self) -> Iterator[CallArray]:
        """Yield calls in time order. Raises InputError at damage, after yielding what was sound."""
