"""The agent: a live source, assembled and stored while it happens."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from app.store.protocol import RecordingHeader, RecordingSink, StoredRecording
from collector.assemble import Assembler, parts_of
from collector.assemble.identity import VmmOf
from collector.assemble.memslots import InodeOf
from collector.capture.agent._clock_watch import ClockWatch
from collector.capture.agent._counters import Counters, Meter
from collector.capture.agent._going_on import origin_of, with_past
from collector.capture.agent._lag import Lag, clock_since
from collector.capture.agent._lead import Lead
from collector.capture.live import LiveBatch, LiveSource, SourceEnded
from collector.codes import CallCode
from collector.coverage import describe_coverage
from collector.records import CallArray
from collector.vm_inventory import Inventory

COVERAGE_EVERY_S = 2.0
_NO_CALLS = (CallCode.LOSS_BEGIN, CallCode.LOSS_END, CallCode.LATE_RETURN)


@dataclass(frozen=True, slots=True)
class Collected:
    """A finished recording. `problem` is why it ended before it was asked to."""

    recording_id: int
    counters: Counters
    problem: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the host when a recording of it begins."""

    found: Inventory | None = None  # the VMs that ran already
    host: dict[str, Any] = field(default_factory=dict)  # facts, for the coverage
    notes: tuple[str, ...] = ()  # sentences for people, for the coverage
    vmm_of: VmmOf | None = None
    inode_of: InodeOf | None = None
    database: Path | None = None  # whose size is reported
    has_lead: bool = False  # calls from long before `found` come first
    boot_id: str | None = None
    past: StoredRecording | None = None  # what is gone on with


def collect(
    source: LiveSource,
    open_sink: Callable[[RecordingHeader], RecordingSink],
    stop: Event,
    context: Context,
    *,
    duration_s: float | None = None,
    report: Callable[[int], None] | None = None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Collected:
    """Record from a source that was started until `stop` is set or the duration is over.

    A source that fails leaves a recording that is incomplete, with the reason. `report` is given
    the recording's id once calls can be recorded, `notify` what people should know meanwhile. While
    the store is slow the source is not read: the kernel's buffers overrun then, and the source
    counts what was lost.
    """
    with open_sink(header_of(source, context)) as sink:
        if report is not None:
            report(sink.recording_id)
        run = _Run(source, sink, context, duration_s, notify)
        problem = run.until(stop)
        if problem is not None:
            sink.mark_incomplete(problem)
        return Collected(sink.recording_id, run.counters, problem)


class _Run:
    def __init__(
        self,
        source: LiveSource,
        sink: RecordingSink,
        context: Context,
        duration_s: float | None,
        notify: Callable[[str], None],
    ) -> None:
        self.counters = Counters()
        self._source = source
        self._sink = sink
        self._context = context
        self._found = context.found
        origin = origin_of(source.describe(), context.boot_id, context.past)
        description = replace(source.describe(), clock_start_ns=origin.zero_ns)
        self._origin = origin
        self._lead: Lead | None = None
        if context.has_lead and context.found is not None:
            self._lead = Lead(context.found, description.clock_start_ns)
        self._assembler = Assembler(sink, description, context.vmm_of, context.inode_of)
        if context.past is not None:
            found = context.found.vms if context.found and origin.is_same_boot else ()
            self._assembler.go_on(context.past, found, source.describe().clock_start_ns)
        self._clocks = ClockWatch(description.clock)
        self._lag = Lag(clock_since(description.clock, description.clock_start_ns), notify)
        self._meter = Meter(context.database)
        began = time.monotonic()
        self._ends = None if duration_s is None else began + duration_s
        self._covered_at = -COVERAGE_EVERY_S

    def until(self, stop: Event) -> str | None:
        """Record; returns what ended it early, if anything did."""
        problem = None
        try:
            for batch in self._source.batches(stop):
                began = time.monotonic()
                self._take(batch)
                self._cover_if_due(began)
                ended = time.monotonic()
                self._count_wait(ended - began)
                if self._ends is not None and ended >= self._ends:
                    stop.set()
        except SourceEnded as error:
            problem = str(error)
        if self._lead is not None:
            self._add(self._release_lead())
        self._take_found()
        self._assembler.finish()
        self._cover()
        return problem

    def _take(self, batch: LiveBatch) -> None:
        """What was found belongs between the calls before that instant and those after it."""
        self._count(batch)
        if self._lead is not None:
            if self._lead.hold(batch.calls, batch.reached_ns):
                return
            batch = LiveBatch(self._release_lead(), batch.reached_ns)
        calls = batch.calls
        if self._found is not None and batch.reached_ns >= self._found.clock_ns:
            at = np.uint64(self._found.clock_ns)
            count = int(np.searchsorted(calls["ts_exit"], at, side="right"))
            self._add(calls[:count])
            self._take_found()
            calls = calls[count:]
        self._add(calls)
        self._assembler.reached(batch.reached_ns)
        self._lag.look(self._sink.visible_t)
        self.counters.lost = self._assembler.lost_events

    def _add(self, calls: CallArray) -> None:
        """In parts that take no long, each of which can be seen before the next is begun."""
        for part in parts_of(calls):
            self._assembler.add(part)
            self._lag.look(self._sink.visible_t)
            self._cover_if_due(time.monotonic())

    def _release_lead(self) -> CallArray:
        """What was there at the start is known now; the calls since are next."""
        assert self._lead is not None
        at_start, calls = self._lead.release()
        self._lead = None
        if at_start is not None:
            self._assembler.add_inventory(at_start)
        return calls

    def _take_found(self) -> None:
        if self._found is not None:
            self._assembler.add_inventory(self._found)
            self._found = None

    def _count(self, batch: LiveBatch) -> None:
        counters, codes = self.counters, batch.calls["code"]
        counters.batches += 1
        counters.events += int(np.count_nonzero(~np.isin(codes, _NO_CALLS)))
        counters.losses += int(np.count_nonzero(codes == CallCode.LOSS_BEGIN))
        counters.bytes = self._source.bytes_read

    def _count_wait(self, seconds: float) -> None:
        self.counters.waited_s += seconds
        self.counters.max_wait_s = max(seconds, self.counters.max_wait_s)

    def _cover_if_due(self, now: float) -> None:
        if now - self._covered_at >= COVERAGE_EVERY_S:
            self._covered_at = now
            self._clocks.look()
            self._cover()

    def _cover(self) -> None:
        counters = self.counters
        counters.kinds = {k.name.lower(): n for k, n in self._assembler.event_counts.items()}
        counters.strange_pages = self._assembler.strange_pages
        counters.slept_s = self._clocks.slept_ns / 1e9
        counters.at_t, counters.lag_ns = self._lag.at_t, self._lag.lag_ns
        counters.max_lag_ns = self._lag.max_lag_ns
        self._meter.measure(counters)
        self._sink.update_coverage(self._coverage())

    def _coverage(self) -> dict[str, Any]:
        found = self._context.found
        unread = () if found is None else found.notes
        of_now = (*self._clocks.notes, *self._lag.notes, *self._assembler.notes)
        notes = (*self._origin.notes, *self._context.notes, *unread, *of_now)
        return _coverage(self._source, self._context, notes) | {
            "host": self._context.host,
            "collector": asdict(self.counters),
        }


def header_of(source: LiveSource, context: Context) -> RecordingHeader:
    """Of a recording that begins, or is gone on with, when the source did."""
    description = source.describe()
    return RecordingHeader(
        name=f"{description.host} live",
        source=description.format,
        host=description.host,
        clock=description.clock,
        clock_start_ns=description.clock_start_ns,
        wall_start_ns=description.wall_start_ns,
        kernel_release=description.kernel_release,
        from_t=origin_of(description, context.boot_id, context.past).from_t,
        boot_id=context.boot_id,
        coverage=_coverage(source, context),
    )


def _coverage(source: LiveSource, context: Context, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    used, unused = source.event_counts()
    description = source.describe()
    coverage = describe_coverage(
        description.sees,
        events=used,
        unused_events=unused,
        notes=(*description.notes, *notes),
    )
    return coverage if context.past is None else with_past(coverage, context.past.coverage)
