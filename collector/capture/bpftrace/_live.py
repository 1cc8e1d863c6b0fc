"""Live recording by the project's bpftrace program, where event probes are missing."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.capture.bpftrace._child import PAGE_BYTES, BpftraceChild, buffer_pages
from collector.capture.bpftrace._host import host_program, online_cpus
from collector.capture.live import LiveBatch, LiveOptions, SourceEnded, Start
from collector.codes import CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.recipes import FIRST_LINE
from collector.records import CALL, CallArray
from collector.trace.bpftrace import (
    SHAPES,
    UNKNOWN_COUNT,
    BpftraceReader,
    Directions,
    in_order,
    loss,
    without_late,
)

MARGIN_NS = 20_000_000
"""A CPU may be interrupted between taking an event's time and writing the event down."""
END_TIMEOUT_S = 15.0
LEAST_HOLD_NS = 300_000_000
"""How much longer than for the others to wait for a CPU that reports nothing: an idle one may have
no clock that would make it speak. It is waited for longer when bpftrace itself is behind; and one
whose buffer was full until it speaks, for only then it reports what it lost."""
MOST_HOLD_NS = 30_000_000_000
"""But no longer than that: what is not known to be complete by then is a loss."""
_LARGEST_LINE = 160
"""Bytes of a buffer that a line takes: its header, a number, and up to 15 arguments."""
_DELAY_DECAY = 0.9


def _now() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class BpftraceLive:
    """A LiveSource."""

    def __init__(self, options: LiveOptions, *, command: str = "bpftrace") -> None:
        """Raises HostCannot."""
        self._start = Start.now(time.CLOCK_BOOTTIME)
        self._child = BpftraceChild(command)
        self._on_host = host_program(options)
        self._directions = Directions()
        self._reader = BpftraceReader(Path("bpftrace"), self._start.clock_ns)
        self._reader.expect_buffers_of(buffer_pages() * PAGE_BYTES // _LARGEST_LINE)
        self._cpus = online_cpus()
        self._held = np.zeros(0, dtype=CALL)
        self._ended: list[int] = []
        self._reached_ns = self._start.clock_ns
        self._read_ns = self._start.clock_ns  # when the child was read last
        self._delay_ns = 0  # how long the oldest line of a reading had waited, of late

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
        self._reached_ns = self._reader.start_ns = self._read_ns = self._start.clock_ns

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        problem: SourceEnded | None = None
        ends_ns: int | None = None  # once it was asked to
        while problem is None and (ends_ns is None or self._reached_ns < ends_ns):
            if ends_ns is None and stop.is_set():
                ends_ns, patience_ends = _now(), time.monotonic() + END_TIMEOUT_S
            try:
                self._read(stop)
                self._watch_cpus()
                if ends_ns is not None and time.monotonic() > patience_ends:
                    raise SourceEnded("bpftrace was too far behind to wait for what happened last")
            except SourceEnded as error:
                problem = error
            yield self._settled(self._reported_ns())
        if problem is not None:
            if len(self._held) or self._reader.loss_since is not None:
                yield self._incomplete()
            raise problem

    def _read(self, stop: Event) -> None:
        """A bpftrace that is not behind would have printed last time what had happened by then."""
        self._reader.take(self._child.read(stop))
        oldest = max(self._reader.oldest_printed() or self._read_ns, self._start.clock_ns)
        self._delay_ns = max(int(self._delay_ns * _DELAY_DECAY), self._read_ns - oldest)
        self._read_ns = _now()
        if not self._child.is_behind:
            self._reader.all_is_printed()

    def _incomplete(self) -> LiveBatch:
        """What came of the time of which not every CPU has reported everything."""
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

    def _reported_ns(self) -> int:
        """Until when everything was read that happened."""
        newest = self._reader.newest_ns
        idle_since = newest - max(LEAST_HOLD_NS, 2 * self._delay_ns)
        reported = self._reader.reported_by(self._cpus, idle_since) - MARGIN_NS
        since = self._reader.loss_since
        reported = max(reported if since is None else min(reported, since), self._reached_ns)
        latest = newest - MOST_HOLD_NS
        if reported >= latest:
            return reported
        self._held = np.concatenate((self._held, loss(reported, latest, UNKNOWN_COUNT)))
        return latest

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
