"""What every live source is to the agent: kernel records while they happen."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Event
from types import TracebackType
from typing import Protocol, Self

from collector.description import SourceDescription
from collector.records import CallArray


class HostCannot(Exception):  # noqa: N818 -- a fact about the host, not a fault
    """This host lacks something that a source needs; names it, and what to do."""


class SourceEnded(Exception):  # noqa: N818 -- what happened, not a fault of ours
    """A source that was recording can do so no longer; what it gave before is sound."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What to record beside what every recording has."""

    pids: tuple[int, ...] = ()  # only these processes and their children; none: all
    backing: bool = False  # the page cache of guest_memfds: an event for each page
    faults: bool = False  # guest page faults and unmaps by the host: floods


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """Calls by the time of their return, and the instant (trace clock) before which none is left.

    What a source learns later about the time before `reached_ns` is a loss.
    """

    calls: CallArray
    reached_ns: int


@dataclass(frozen=True, slots=True)
class Start:
    """One instant on the trace's clock and on the wall's, and where that was."""

    clock_ns: int
    wall_ns: int
    host: str
    kernel_release: str

    @classmethod
    def now(cls, clock: int) -> Self:
        """`clock` is one of time.CLOCK_*."""
        names = os.uname()
        return cls(time.clock_gettime_ns(clock), time.time_ns(), names.nodename, names.release)

    def at(self, clock_ns: int) -> "Start":
        """Another instant, by this one's clocks."""
        return replace(self, clock_ns=clock_ns, wall_ns=self.wall_ns + clock_ns - self.clock_ns)


class LiveSource(Protocol):
    """A recording of this host. Leaving its context puts the host back as it was."""

    @property
    def bytes_read(self) -> int: ...

    def describe(self) -> SourceDescription: ...

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Events by name so far: those that were used, and those that are not needed."""

    def start(self, stop: Event) -> None:
        """Return once events are recorded, or `stop` is set. Raises HostCannot."""

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        """Yield several times a second, calls or not; ends soon after `stop` is set.

        Raises SourceEnded, after yielding what was sound.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
