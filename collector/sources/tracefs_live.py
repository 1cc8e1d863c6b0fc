"""Live recording from the ring buffers of a tracing instance, by the decoder of trace.dat files."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.assemble.pairing import Pairing
from collector.ftrace import gaps, gather, subbuffer
from collector.ftrace.formats import EVENT_IDS
from collector.ftrace.plan import DecodePlan, decode_plan
from collector.ftrace.recognise import recognise
from collector.records import RECORD, CallArray, CallCode, RecordArray, RecordCode
from collector.sources.base import SourceDescription
from collector.sources.live import LiveBatch, SourceEnded, Start, Wishes
from collector.sources.trace_dat import capabilities
from collector.sources.tracefs_instance import TracefsInstance

TICK_S = 0.2
"""Sub-buffers fill up meanwhile: reading them one event at a time would cost far more."""
MARGIN_NS = 20_000_000
"""An event is in its buffer by then, even if its writer was interrupted."""
PATIENCE_NS = 2_000_000_000
"""A call that takes longer is given as unconfirmed: all that came after it waits for it."""
PAGES_AT_ONCE = 64
_LARGEST_EVENT = 256
_LEAST_ROW = 8  # bytes of a page per row at most
_SLACK = 16


class _Cpu:
    """One CPU's ring buffer."""

    def __init__(
        self, pipe: Path, cpu: int, page_size: int, plan: DecodePlan, start_ns: int
    ) -> None:
        self.cpu = cpu
        self.bytes_read = 0
        self.counts = np.zeros(EVENT_IDS, np.int64)
        self._descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self._page_size = page_size
        self._plan = plan
        self._bytes = np.zeros(PAGES_AT_ONCE * page_size + _SLACK, np.uint8)
        self._rows = np.empty((len(self._bytes) // _LEAST_ROW, gather.ROW_WORDS), np.int64)
        self._state = np.zeros(2 * gaps.STATE_SIZE, np.int64)
        # A gap before the first event begins with the recording.
        self._state[gaps.LAST_TS], self._state[gaps.HAS_EVENTS] = start_ns, 1
        self._damage = np.zeros((subbuffer.MAX_DAMAGE_NOTED, 3), np.int64)

    @property
    def reached(self) -> int:
        return int(self._state[gaps.LAST_TS])

    def read(self) -> tuple[RecordArray, bool]:
        """(records, was it all there is).

        Ends at a sub-buffer that its writer has not filled; the first one of all may be the rest
        of one that was read half full last time, which tells nothing.
        """
        pages, is_drained = 0, False
        while pages < PAGES_AT_ONCE and not is_drained:
            page = self._page()
            if page:
                at = pages * self._page_size
                self._bytes[at : at + self._page_size] = 0
                self._bytes[at : at + len(page)] = np.frombuffer(page, np.uint8)
                pages += 1
            is_drained = not page or (pages > 1 and not self._is_full(page))
        return self._decoded(pages), is_drained

    def _is_full(self, page: bytes) -> bool:
        used = int.from_bytes(page[8:12], "little") & subbuffer.COMMIT_MASK
        return used + subbuffer.HEADER + _LARGEST_EVENT >= self._page_size

    def _page(self) -> bytes:
        try:
            page = os.read(self._descriptor, self._page_size)
        except BlockingIOError:
            return b""
        self.bytes_read += len(page)
        return page

    def _decoded(self, pages: int) -> RecordArray:
        self._state[gaps.DAMAGED] = 0
        count = subbuffer.decode_pages(
            self._bytes.view(np.uint32),
            pages,
            pages,
            self._page_size // 4,
            self.cpu,
            self._plan.plan_of,
            self._plan.plans,
            self._plan.gathers,
            self._state,
            self.counts,
            self._damage,
            self._rows,
        )
        if self._state[gaps.DAMAGED]:
            reason = subbuffer.DAMAGE_TEXT[int(self._damage[0, 2])]
            raise SourceEnded(f"the ring buffer of CPU {self.cpu} cannot be read: {reason}")
        return self._rows[:count].copy().view(RECORD).reshape(count)

    def close(self) -> None:
        os.close(self._descriptor)


class TracefsLive:
    """A LiveSource."""

    def __init__(self, wishes: Wishes) -> None:
        """Raises HostCannot."""
        self._start = Start.now(time.CLOCK_MONOTONIC)
        self._reached_ns = self._start.clock_ns
        self._instance = TracefsInstance(wishes)
        self._plan = decode_plan(recognise(self._instance.formats).plans)
        self._pairing = Pairing()
        self._held = np.zeros(0, RECORD)
        self._read_to = self._start.clock_ns
        self._is_behind = False
        self._command_names: dict[int, str] = {}
        self._thread_groups: dict[int, int] = {}
        self._sees = self._capabilities()
        pipes = self._instance.path / "per_cpu"
        self._cpus = [
            _Cpu(
                pipes / f"cpu{cpu}" / "trace_pipe_raw",
                cpu,
                self._instance.page_size,
                self._plan,
                self._start.clock_ns,
            )
            for cpu in self._instance.cpus()
        ]

    def _capabilities(self) -> dict[str, bool]:
        counts = np.zeros(256, np.int64)
        counts[[plan.code for plan in self._plan.events]] = 1
        if counts[RecordCode.USERSPACE_EXIT]:
            self._pairing.expect_userspace_exits()
        return capabilities(counts)

    @property
    def bytes_read(self) -> int:
        return sum(cpu.bytes_read for cpu in self._cpus)

    def describe(self) -> SourceDescription:
        return SourceDescription(
            format="tracefs",
            clock="mono",
            clock_start_ns=self._start.clock_ns,
            host=self._start.host,
            kernel_release=self._start.kernel_release,
            sees=self._sees,
            events_present=tuple(event.full_name for event in self._instance.formats),
            command_names=self._command_names,
            wall_start_ns=self._start.wall_ns,
        )

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        counts = sum((cpu.counts for cpu in self._cpus), np.zeros(EVENT_IDS, np.int64))
        names = {event.id: event.full_name for event in self._instance.formats}
        return {n: int(counts[i]) for i, n in names.items() if counts[i]}, {}

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        while not stop.wait(0.0 if self._is_behind else TICK_S):
            yield self._batch(is_last=False)
        self._instance.stop()
        yield self._batch(is_last=True)
        calls = self._pairing.finish()
        yield LiveBatch(self._with_processes(calls), self._reached_ns, 0)

    def _batch(self, *, is_last: bool) -> LiveBatch:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        until = now if is_last else now - MARGIN_NS
        found = [self._held]
        self._is_behind = False
        for cpu in self._cpus:
            records, is_drained = cpu.read()
            found.append(records)
            while is_last and not is_drained:
                records, is_drained = cpu.read()
                found.append(records)
            if not is_drained:
                self._is_behind = True
                until = min(until, cpu.reached)
        lag = now - until
        calls = self._settled(np.concatenate(found), max(until, self._reached_ns))
        return LiveBatch(self._with_processes(calls), self._reached_ns, lag)

    def _settled(self, records: RecordArray, until: int) -> CallArray:
        self._move_begins(records)
        records = records[np.argsort(records["ts"], kind="stable")]
        if len(records) and int(records["ts"][0]) < self._read_to:
            raise SourceEnded("the kernel's ring buffers gave events out of order")
        count = int(np.searchsorted(records["ts"], np.uint64(until), side="right"))
        self._held, self._read_to = records[count:].copy(), until
        calls = self._pairing.add(records[:count])
        late = self._pairing.give_up(max(0, until - PATIENCE_NS))
        self._reached_ns = max(self._reached_ns, min(until, self._pairing.open_since))
        return np.concatenate((calls, late))

    def _move_begins(self, records: RecordArray) -> None:
        """Everything up to `_read_to` was read, so what was lost came after it."""
        at = np.uint64(self._read_to)
        begins = records["code"] == RecordCode.LOSS_BEGIN
        ends = records["code"] == RecordCode.LOSS_END
        records["ts"][begins] = np.maximum(records["ts"][begins], at)
        records["v"][:, 1][ends] = np.maximum(records["v"][:, 1][ends], at)

    def _with_processes(self, calls: CallArray) -> CallArray:
        """Fill in the thread groups, and learn the names of who makes VMs, while they live."""
        tids, which = np.unique(calls["tid"], return_inverse=True)
        for tid in tids.tolist():
            if tid > 0 and tid not in self._thread_groups:
                self._look_up(tid)
        groups = [self._thread_groups.get(tid, 0) for tid in tids.tolist()]
        calls["tgid"] = np.array(groups, np.int32)[which]
        self._forget_exited(calls)
        return calls

    def _forget_exited(self, calls: CallArray) -> None:
        """The kernel gives the number of a thread that exited to another process's in time."""
        exits = calls["code"] == CallCode.PROCESS_EXIT
        for tid in calls["v"][exits, 0].tolist():
            self._thread_groups.pop(tid, None)

    def _look_up(self, tid: int) -> None:
        try:
            text = Path(f"/proc/{tid}/status").read_text()
        except OSError:
            return
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        self._thread_groups[tid] = int(fields["Tgid"])
        self._command_names[tid] = fields["Name"].strip()

    def start(self, stop: Event) -> None:
        """It records since it was made; compile what reads it, lest the buffers fill meanwhile."""
        Pairing().add(np.zeros(1, RECORD))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for cpu in self._cpus:
            cpu.close()
        self._instance.remove()
