"""What the buffers of an instance hold that nobody has read, and where a recording of it begins.

Where nothing was overwritten that is all since the instance records. Else each CPU is complete from
another instant on; the recording begins at most `LEAD_NS` before the last of them, and not before
the first: what was overwritten of the CPUs in between is a loss of the recording.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from collector.capture.live import SourceEnded, Start
from collector.capture.tracefs._cpu import Lost
from collector.capture.tracefs._instance import TracefsInstance

LEAD_NS = 10_000_000_000
ROUNDED_NS = 500
_OLDEST = re.compile(r"^oldest event ts:\s*(\d+)\.(\d{6})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """`since` is when the instance began to record, `start` where the recording begins.

    `overwritten`: what CPUs lost before `start` and after it, where nobody knows how much of it
    after; nothing where `start` is `since`.
    """

    instance: TracefsInstance
    since: Start
    start: Start
    overwritten: Mapping[int, Lost] = field(default_factory=dict)

    @classmethod
    def begun(cls, instance: TracefsInstance) -> Self:
        """Let it record from now on. Setting it up took a while, in which nothing was recorded."""
        since = Start.now(time.CLOCK_MONOTONIC)
        instance.begin()
        return cls(instance, since, since)

    @classmethod
    def of(cls, instance: TracefsInstance, since: Start) -> Self:
        """As it is now; nothing is read but what the kernel counts. Raises SourceEnded."""
        stats = {cpu: _stats(instance, cpu) for cpu in instance.cpus()}
        lost = {cpu: Lost.parsed(text) for cpu, text in stats.items()}
        begun = start_of(
            since.clock_ns,
            {cpu: oldest_ns(stats[cpu]) if one.overrun else None for cpu, one in lost.items()},
        )
        if begun == since.clock_ns:
            return cls(instance, since, since)
        overwritten = {cpu: one for cpu, one in lost.items() if one.overrun}
        return cls(instance, since, since.at(begun), overwritten)

    @property
    def note(self) -> str | None:
        """For the coverage: what is missing before the recording's start."""
        if not self.overwritten:
            return None
        count = sum(one.overrun for one in self.overwritten.values())
        seconds = (self.start.clock_ns - self.since.clock_ns) / 1e9
        return (
            f"The buffers had been recording for {seconds:.1f} s before this recording begins and "
            f"{count:,} events were overwritten meanwhile; what of them belongs after its start is "
            "a loss of unknown size."
        )


def start_of(since: int, oldest: Mapping[int, int | None]) -> int:
    """`oldest`: of each CPU that overwrote anything the oldest event held; None: it did not."""
    complete = [since if one is None else max(since, one) for one in oldest.values()]
    if not complete:
        return since
    return max(since, min(complete), max(complete) - LEAD_NS)


def oldest_ns(stats: str) -> int | None:
    """No later than it is, by per_cpu/cpu*/stats; None: it holds nothing.

    That has the nearest microsecond (ns2usecs in kernel/trace/trace.c), which may be the next one.
    """
    match = _OLDEST.search(stats)
    at = 0 if match is None else int(match[1]) * 10**9 + int(match[2]) * 1000
    return at - ROUNDED_NS if at else None


def _stats(instance: TracefsInstance, cpu: int) -> str:
    path = instance.path / f"per_cpu/cpu{cpu}/stats"
    try:
        return path.read_text()
    except OSError as error:
        raise SourceEnded(f"{path} is not to be read: {error.strerror}") from error
