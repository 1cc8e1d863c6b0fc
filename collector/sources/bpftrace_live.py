"""Live recording by the project's bpftrace program, where event probes are missing."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.recipes.bpftrace import live_program
from collector.records import CALL, CallArray, CallCode
from collector.sources.base import SourceDescription
from collector.sources.bpftrace_child import BpftraceChild
from collector.sources.bpftrace_lines import LINES
from collector.sources.bpftrace_log import LineReader, capabilities, in_order, without_late
from collector.sources.live import LiveBatch, SourceEnded, Start

LEAST_HOLD_NS = 200_000_000
MOST_HOLD_NS = 5_000_000_000
"""bpftrace empties one CPU's buffer after the other, so a call may come after younger ones. It is
waited for this long, longer (twice the lag of what is read) when bpftrace does not keep up."""
_LAG_DECAY = 0.9


class BpftraceLive:
    """A LiveSource. With `pids`, only these processes' calls are recorded."""

    def __init__(self, pids: Sequence[int] = (), *, command: str = "bpftrace") -> None:
        self._child = BpftraceChild(live_program(pids), command)
        self._command_names: dict[int, str] = {}
        self._reader = LineReader(Path("bpftrace"), self._command_names)
        self._held = np.zeros(0, dtype=CALL)
        self._lag_ns = 0
        self._start = Start.now(time.CLOCK_BOOTTIME)
        self._reached_ns = self._start.clock_ns

    @property
    def bytes_read(self) -> int:
        return self._child.bytes_read

    def describe(self) -> SourceDescription:
        return SourceDescription(
            format="bpftrace",
            clock="boot",
            clock_start_ns=self._start.clock_ns,
            host=self._start.host,
            kernel_release=self._start.kernel_release,
            sees=capabilities(),
            events_present=tuple(name.decode() for name in LINES),
            command_names=self._command_names,
            wall_start_ns=self._start.wall_ns,
        )

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return dict(self._reader.counts), {}

    def start(self, stop: Event) -> None:
        """Attach the probes. Raises HostCannot."""
        self._child.start(stop)

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        problem: SourceEnded | None = None
        while not stop.is_set() and problem is None:
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            try:
                lines = self._child.read()
            except SourceEnded as error:
                lines, problem = [], error
            self._take(lines, now)
            yield self._settled(now - max(LEAST_HOLD_NS, min(2 * self._lag_ns, MOST_HOLD_NS)))
        if problem is None:
            self._take(self._child.finish(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        yield self._settled(time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        if problem is not None:
            raise problem

    def _take(self, lines: list[bytes], now: int) -> None:
        for line in lines:
            self._reader.take(line)
        self._reader.end_gap(now)
        batch = self._reader.batch()
        oldest = int(batch["ts_exit"].min()) if len(batch) else now
        self._lag_ns = max(now - oldest, int(self._lag_ns * _LAG_DECAY))
        self._begin_losses_early(batch)
        self._held = np.concatenate((self._held, batch))

    def _begin_losses_early(self, calls: CallArray) -> None:
        """Which calls were lost is not known: they may be older than all that are held back."""
        begins, ends = (calls["code"] == code for code in (CallCode.LOSS_BEGIN, CallCode.LOSS_END))
        at = np.uint64(self._reached_ns)
        calls["ts_enter"][begins] = calls["ts_exit"][begins] = at
        calls["ts_enter"][ends] = calls["ts_exit"][ends] = np.maximum(calls["ts_exit"][ends], at)
        calls["v"][:, 1][ends] = at
        calls["v"][:, 1][begins] = calls["ts_exit"][ends]

    def _settled(self, until_ns: int) -> LiveBatch:
        until_ns = max(until_ns, self._reached_ns)
        calls = in_order(self._held)
        count = int(np.searchsorted(calls["ts_exit"], np.uint64(until_ns), side="right"))
        self._held = calls[count:].copy()
        settled, _ = without_late(calls[:count], np.uint64(self._reached_ns))
        self._reached_ns = until_ns
        return LiveBatch(settled, until_ns, self._lag_ns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.kill()
