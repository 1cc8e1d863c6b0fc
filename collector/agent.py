"""The agent: a live source, assembled and stored while it happens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import numpy as np

from app.store.protocol import RecordingHeader, RecordingSink
from collector.assemble.assembler import Assembler
from collector.coverage import describe_coverage
from collector.records import CallArray, CallCode
from collector.sources.live import LiveSource, SourceEnded

COVERAGE_EVERY_S = 2.0
_LOSSES = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)


@dataclass(slots=True)
class Counters:
    """What the agent did so far."""

    events: int = 0
    bytes: int = 0
    lost: int = 0
    lag_ns: int = 0  # how old what was read last was
    max_lag_ns: int = 0
    cpu_s: float = 0.0  # of this process
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Collected:
    """A finished recording. `problem` says why it ended before it was asked to."""

    recording_id: int
    counters: Counters
    problem: str | None


def collect(
    source: LiveSource,
    open_sink: Callable[[RecordingHeader], RecordingSink],
    stop: Event,
    *,
    duration_s: float | None = None,
    report: Callable[[int], None] | None = None,
) -> Collected:
    """Record from a source that was started until `stop` is set or the duration is over.

    A source that fails leaves a recording that is incomplete and says why. `report` is given the
    recording's id once calls can be recorded.
    """
    with open_sink(_header(source)) as sink:
        if report is not None:
            report(sink.recording_id)
        run = _Run(source, sink, duration_s)
        problem = run.until(stop)
        if problem is not None:
            sink.mark_incomplete(problem)
        return Collected(sink.recording_id, run.counters, problem)


class _Run:
    def __init__(self, source: LiveSource, sink: RecordingSink, duration_s: float | None) -> None:
        self.counters = Counters()
        self._source = source
        self._sink = sink
        self._assembler = Assembler(sink, source.describe())
        self._began = time.monotonic()
        self._cpu_began = time.process_time()
        self._ends = None if duration_s is None else self._began + duration_s
        self._covered_at = self._began

    def until(self, stop: Event) -> str | None:
        """Record; returns what ended it early, if anything did."""
        problem = None
        try:
            for batch in self._source.batches(stop):
                self._take(batch.calls, batch.lag_ns)
                self._assembler.reached(batch.reached_ns)
                if self._ends is not None and time.monotonic() >= self._ends:
                    stop.set()
        except SourceEnded as error:
            problem = str(error)
        self._assembler.finish()
        self._sink.update_coverage(_coverage(self._source))
        return problem

    def _take(self, calls: CallArray, lag_ns: int) -> None:
        if len(calls):
            self._assembler.add(calls)
        now = time.monotonic()
        if now - self._covered_at >= COVERAGE_EVERY_S:
            self._covered_at = now
            self._sink.update_coverage(_coverage(self._source))
        counters = self.counters
        counters.events += int(np.count_nonzero(~np.isin(calls["code"], _LOSSES)))
        counters.bytes = self._source.bytes_read
        counters.lost = self._assembler.lost_events
        counters.lag_ns, counters.max_lag_ns = lag_ns, max(lag_ns, counters.max_lag_ns)
        counters.cpu_s = time.process_time() - self._cpu_began
        counters.duration_s = now - self._began


def _header(source: LiveSource) -> RecordingHeader:
    description = source.describe()
    return RecordingHeader(
        name=f"{description.host} live",
        source=description.format,
        host=description.host,
        clock=description.clock,
        clock_start_ns=description.clock_start_ns,
        wall_start_ns=description.wall_start_ns,
        kernel_release=description.kernel_release,
        coverage=_coverage(source),
    )


def _coverage(source: LiveSource) -> dict[str, object]:
    used, unused = source.event_counts()
    description = source.describe()
    return describe_coverage(
        description.sees, events=used, unused_events=unused, notes=description.notes
    )
