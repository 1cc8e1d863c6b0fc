"""Live recording from the ring buffers of a tracing instance, by the decoder of trace.dat files."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.capture.live import HostCannot, LiveBatch, LiveOptions, SourceEnded
from collector.capture.tracefs._cpu import Scratch, TracefsCpu
from collector.capture.tracefs._held import Held
from collector.capture.tracefs._instance import CLOCK, TracefsInstance
from collector.capture.tracefs._threads import Threads
from collector.codes import RecordCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.importing import capabilities
from collector.pairing import SyscallTracker
from collector.records import RECORD, CallArray, RecordArray
from collector.trace.ring_buffer import decode_plan, match_formats

TICK_S = 0.2
"""Sub-buffers fill up meanwhile: reading them one event at a time would cost far more."""
MARGIN_NS = 50_000_000
"""An event is in its buffer by then, even if its writer was interrupted for a while."""
PATIENCE_NS = 2_000_000_000
"""A call that takes longer is given as unconfirmed: all that came after it waits for it."""


class TracefsLive:
    """A LiveSource."""

    def __init__(self, options: LiveOptions, held: Held | None = None) -> None:
        """Of an instance of its own, or of one that records already. Raises HostCannot."""
        self._held = np.zeros(0, RECORD)
        self._pairing = SyscallTracker()
        self._threads = Threads()
        self._is_behind = False
        self._late, self._latest_ns = 0, 0  # events written late, and by how much at most
        self._owns_instance = held is None
        self._taken = Held.begun(TracefsInstance(options)) if held is None else held
        self._instance, self._start = self._taken.instance, self._taken.start
        self._reached_ns = self._start.clock_ns
        self._read_to = self._start.clock_ns
        self._plan = decode_plan(match_formats(self._instance.formats, is_filtered=True).plans)
        self._sees = self._capabilities()
        self._scratch = Scratch(self._instance.page_size)
        self._cpus: list[TracefsCpu] = []
        with ExitStack() as undo:
            undo.callback(self.close)
            self._open_cpus()
            undo.pop_all()

    def _open_cpus(self) -> None:
        for cpu in self._instance.cpus():
            folder = self._instance.path / "per_cpu" / f"cpu{cpu}"
            since, known = self._taken.since.clock_ns, self._taken.overwritten.get(cpu)
            try:
                self._cpus.append(TracefsCpu(folder, cpu, self._plan, self._scratch, since, known))
            except OSError as error:
                raise HostCannot(f"{folder.name} cannot be read: {error.strerror}") from error

    def _capabilities(self) -> dict[str, bool]:
        counts = np.zeros(256, np.int64)
        counts[[plan.code for plan in self._plan.events]] = 1
        if counts[RecordCode.USERSPACE_EXIT]:
            self._pairing.expect_userspace_exits()
        sees = capabilities(counts)
        sees[Capability.VCPU_THREADS] = bool(counts[RecordCode.IOCTL_ENTER])
        sees[Capability.IN_PLACE_CONVERSIONS] = bool(counts[RecordCode.USER_SET_ATTRIBUTES])
        return sees

    @property
    def bytes_read(self) -> int:
        return sum(cpu.bytes_read for cpu in self._cpus)

    def describe(self) -> SourceDescription:
        return SourceDescription(
            format="tracefs",
            clock=CLOCK,
            clock_start_ns=self._start.clock_ns,
            host=self._start.host,
            kernel_release=self._start.kernel_release,
            sees=self._sees,
            notes=tuple(self._notes()),
            events_present=tuple(event.full_name for event in self._instance.formats),
            command_names=self._threads.command_names,
            wall_start_ns=self._start.wall_ns,
        )

    def _notes(self) -> Iterator[str]:
        yield from self._instance.notes()
        if self._taken.note is not None:
            yield self._taken.note
        if self._late:
            yield (
                f"{self._late} events were written late and are shown up to "
                f"{self._latest_ns / 1e6:.0f} ms after they happened: a CPU stood still meanwhile."
            )

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        counts = self._scratch.counts
        names = {event.id: event.full_name for event in self._instance.formats}
        return {n: int(counts[i]) for i, n in names.items() if counts[i]}, {}

    def start(self, stop: Event) -> None:
        """It records since it was made; compile what reads it, lest the buffers fill meanwhile."""
        SyscallTracker().add(np.zeros(1, RECORD))

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        problem = None
        while problem is None and not stop.wait(0.0 if self._is_behind else TICK_S):
            problem = self._instance.problem()
            if problem is None:
                yield self._batch(is_last=False)
        if problem is None or self._instance.has_its_clock:
            self._instance.stop()
            yield self._batch(is_last=True)
        calls = self._pairing.finish()
        self._threads.complete(calls)
        yield LiveBatch(calls, self._reached_ns)
        if problem is not None:
            raise SourceEnded(problem)

    def _batch(self, *, is_last: bool) -> LiveBatch:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        until = now if is_last else now - MARGIN_NS
        found = [self._held]
        self._is_behind = False
        for cpu in self._cpus:
            is_drained = self._read(cpu, found, now, is_last=is_last)
            if not is_drained:
                self._is_behind = True
                until = min(until, cpu.reached)
        calls = self._settled(np.concatenate(found), max(until, self._reached_ns))
        return LiveBatch(calls, self._reached_ns)

    def _read(self, cpu: TracefsCpu, found: list[RecordArray], now: int, *, is_last: bool) -> bool:
        """Whether it was all there is; at the end it is."""
        read = cpu.read()
        found.append(self._since_start(read.records))
        pages = read.pages
        while is_last and not read.is_drained:
            read = cpu.read()
            found.append(self._since_start(read.records))
        if pages > 1 or is_last:  # else it cannot have run full
            found.append(cpu.unflagged_losses(self._read_to, now, is_last=is_last))
        return read.is_drained

    def _since_start(self, records: RecordArray) -> RecordArray:
        """Without what the buffers hold from before the recording: events, and gaps that ended."""
        if self._read_to > self._start.clock_ns or not len(records):
            return records
        ends = np.where(records["code"] == RecordCode.LOSS_BEGIN, records["v"][:, 1], records["ts"])
        since: RecordArray = records[ends >= np.uint64(self._start.clock_ns)]
        return since

    def _settled(self, records: RecordArray, until: int) -> CallArray:
        self._move_begins(records)
        self._move_late(records)
        records = records[np.argsort(records["ts"], kind="stable")]
        count = int(np.searchsorted(records["ts"], np.uint64(until), side="right"))
        self._held, self._read_to = records[count:].copy(), until
        calls = self._pairing.add(records[:count])
        late = self._pairing.give_up(max(0, until - PATIENCE_NS))
        self._reached_ns = max(self._reached_ns, min(until, self._pairing.open_since))
        calls = np.concatenate((calls, late))
        self._threads.complete(calls)
        return calls

    def _move_begins(self, records: RecordArray) -> None:
        """Everything up to `_read_to` was read, so what was lost came after it."""
        at = np.uint64(self._read_to)
        begins = records["code"] == RecordCode.LOSS_BEGIN
        ends = records["code"] == RecordCode.LOSS_END
        records["ts"][begins] = np.maximum(records["ts"][begins], at)
        records["v"][:, 1][ends] = np.maximum(records["v"][:, 1][ends], at)

    def _move_late(self, records: RecordArray) -> None:
        """An event has the time at which its writing began; that may have been interrupted.

        A CPU of a virtual machine may stand still meanwhile. Raises SourceEnded if that cannot be
        the reason.
        """
        at = np.uint64(self._read_to)
        late = records["ts"] < at
        if not late.any():
            return
        most = self._read_to - int(records["ts"].min())
        if most > PATIENCE_NS:
            raise SourceEnded("the kernel's ring buffers gave events out of order")
        records["ts"][late] = at
        self._late += int(late.sum())
        self._latest_ns = max(self._latest_ns, most)

    def close(self) -> None:
        for cpu in self._cpus:
            cpu.close()
        if self._owns_instance:
            self._instance.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
