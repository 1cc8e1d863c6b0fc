"""Live recording by the project's bpftrace program, where event probes are missing."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.coverage import Capability
from collector.recipes.bpftrace import FIRST_LINE
from collector.records import CALL, CallArray, CallCode
from collector.sources.base import SourceDescription
from collector.sources.bpftrace_child import BpftraceChild
from collector.sources.bpftrace_host import host_program, online_cpus
from collector.sources.bpftrace_order import UNKNOWN_COUNT, in_order, loss, without_late
from collector.sources.bpftrace_reader import BpftraceReader, Directions
from collector.sources.bpftrace_shapes import SHAPES
from collector.sources.live import LiveBatch, SourceEnded, Start, Wishes

MARGIN_NS = 20_000_000
"""A CPU may be interrupted between taking an event's time and writing the event down."""
END_TIMEOUT_S = 15.0
LEAST_HOLD_NS = 300_000_000
MOST_HOLD_NS = 30_000_000_000
"""How much longer than for the others to wait for a CPU that says nothing: an idle one has no clock
that would make it speak. It is waited for longer when bpftrace itself is behind. What it says later
of that time is a loss."""
_DELAY_DECAY = 0.9


def _now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class BpftraceLive:
    """A LiveSource."""

    def __init__(self, wishes: Wishes, *, command: str = "bpftrace") -> None:
        """Raises HostCannot."""
        self._start = Start.now(time.CLOCK_BOOTTIME)
        self._child = BpftraceChild(command)
        self._on_host = host_program(wishes)
        self._directions = Directions()
        self._reader = BpftraceReader(Path("bpftrace"), self._start.clock_ns)
        self._cpus = online_cpus()
        self._held = np.zeros(0, dtype=CALL)
        self._ended: list[int] = []
        self._reached_ns = self._newest_ns = self._start.clock_ns
        self._delay_ns = 0  # how old the newest line was when it was read, of late

    @property
    def bytes_read(self) -> int:
        return self._child.bytes_read

    def describe(self) -> SourceDescription:
        sees = self._on_host.program.sees
        return SourceDescription(
            format="bpftrace",
            clock="boot",
            clock_start_ns=self._start.clock_ns,
            host=self._start.host,
            kernel_release=self._start.kernel_release,
            sees={c.value: c in sees for c in Capability},
            notes=self._on_host.notes,
            events_present=tuple(shape.name for shape in SHAPES.values()),
            command_names=self._reader.command_names,
            wall_start_ns=self._start.wall_ns,
        )

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return dict(self._reader.counts), {}

    def start(self, stop: Event) -> None:
        """Attach the probes. Raises HostCannot."""
        # Compile what reads its lines, lest they pile up meanwhile.
        BpftraceReader(Path("bpftrace")).take(FIRST_LINE.encode() + b"\nT 1 0\n")
        self._child.start(self._on_host.program.text, stop)
        # It takes up to a minute, in which nothing is recorded, or only some kinds of calls.
        self._start = Start.now(time.CLOCK_BOOTTIME)
        self._reached_ns = self._reader.start_ns = self._start.clock_ns

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        problem: SourceEnded | None = None
        ends_ns: int | None = None  # once it was asked to
        while problem is None and (ends_ns is None or self._reached_ns < ends_ns):
            if ends_ns is None and stop.is_set():
                ends_ns, patience_ends = _now(), time.monotonic() + END_TIMEOUT_S
            try:
                self._reader.take(self._child.read(stop))
                self._watch_cpus()
                if ends_ns is not None and time.monotonic() > patience_ends:
                    raise SourceEnded("bpftrace was too far behind to wait for what happened last")
            except SourceEnded as error:
                problem = error
            yield self._settled(self._said_ns())
        if problem is not None:
            if len(self._held) or self._reader.loss_since is not None:
                yield self._incomplete()
            raise problem

    def _incomplete(self) -> LiveBatch:
        """What came of the time of which not every CPU has said everything."""
        newest = max(self._reader.newest_ns, self._reached_ns)
        self._reader.end_gap(newest)
        self._held = np.concatenate((self._held, loss(self._reached_ns, newest, UNKNOWN_COUNT)))
        return self._settled(newest)

    def _watch_cpus(self) -> None:
        """Raises SourceEnded if there is a CPU that bpftrace does not listen to.

        It listens to those that were online when it started, until they go offline.
        """
        online = online_cpus()
        unheard = [cpu for cpu in online if cpu not in self._cpus]
        if unheard:
            raise SourceEnded(f"CPU {unheard[0]} came online, and bpftrace does not listen to it")
        self._cpus = online

    def _said_ns(self) -> int:
        """Until when everything was read that happened."""
        said = self._reader.said_by(self._cpus) - MARGIN_NS
        newest = self._reader.newest_ns
        if newest > self._newest_ns:
            delay = _now() - newest
            self._delay_ns = max(delay, int(self._delay_ns * _DELAY_DECAY))
            self._newest_ns = newest
        hold = max(LEAST_HOLD_NS, min(2 * self._delay_ns, MOST_HOLD_NS))
        said = max(said, newest - hold)
        since = self._reader.loss_since
        return said if since is None else min(said, since)

    def _settled(self, until_ns: int) -> LiveBatch:
        until_ns = max(until_ns, self._reached_ns)
        calls = in_order(np.concatenate((self._held, self._reader.batch())))
        calls = calls[calls["ts_enter"] >= np.uint64(self._start.clock_ns)]
        count = int(np.searchsorted(calls["ts_exit"], np.uint64(until_ns), side="right"))
        self._held = calls[count:].copy()
        settled, _ = without_late(calls[:count], np.uint64(self._reached_ns))
        self._directions.decide(settled)
        self._forget_names(settled)
        self._reached_ns = self._reader.settled_ns = until_ns
        return LiveBatch(settled, until_ns)

    def _forget_names(self, calls: CallArray) -> None:
        """Of threads that ended in the calls before these, whose VMs are named by now."""
        for tid in self._ended:
            self._reader.command_names.pop(tid, None)
        self._ended = calls["v"][calls["code"] == CallCode.PROCESS_EXIT, 0].tolist()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.kill()
