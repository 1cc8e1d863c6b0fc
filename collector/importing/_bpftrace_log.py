"""The text logs of bpftrace: by the program that `gmemscope recipe` prints, and by conv.bt."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from collector.codes import CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CALL, CallArray
from collector.trace.bpftrace import (
    LINES,
    LINES_PER_BATCH,
    SHAPES,
    VERSION,
    BpftraceReader,
    Directions,
    LineReader,
    is_call,
    is_first_line,
    lines_of,
    split_sorted,
    without_late,
)
from collector.trace.errors import InputError

BATCHES_HELD = 4
"""Lines come in bursts, one CPU's buffer after the other: so many are sorted together."""
MOST_HELD = 16
"""And so many while a CPU has not reported everything."""
_HEAD_LINES = 64

_SEEN_BY_CONV = frozenset(
    {
        Capability.CONVERSIONS,
        Capability.CONVERSION_RANGES,
        Capability.CONVERSION_RESULTS,
        Capability.MEMSLOTS,
        Capability.VM_CREATION,
        Capability.PROCESS_IDENTITY,
        Capability.GUEST_MEMFDS,
        Capability.FALLOCATE,
    }
)


class BpftraceLog:
    """One log file. Reads it twice: once for its first instant, once for good.

    Raises InputError if it is of a version that is not known.
    """

    @staticmethod
    def detects(head: bytes) -> bool:
        """Whether it is a log of one of the programs."""
        lines = head.split(b"\n")[:_HEAD_LINES]
        return any(is_first_line(line) or VERSION.match(line) or is_call(line) for line in lines)

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read: int | None = 0
        self._command_names: dict[int, str] = {}
        self._overview: BpftraceReader | None = None
        with path.open("rb") as file:
            if any(map(is_first_line, islice(lines_of(file), _HEAD_LINES))):
                self._overview = _overview(path)
        self._reader: LineReader | BpftraceReader
        if self._overview is None:
            scout = _scout(path)
            self._start_ns = scout.first_ns or 0
            self._reader = LineReader(
                path, self._command_names, first_ns=self._start_ns, gaps_ahead=scout.gaps
            )
        else:
            self._start_ns = self._overview.first_ns
            self._reader = BpftraceReader(path, self._start_ns, self._command_names)

    def describe(self) -> SourceDescription:
        overview = self._overview
        shapes = (shape.name for shape in SHAPES.values())
        return SourceDescription(
            format="bpftrace",
            clock="boot",
            clock_start_ns=self._start_ns,
            host=overview.host if overview is not None else "",
            kernel_release=overview.kernel_release if overview is not None else None,
            sees=self.sees(),
            events_present=tuple(shapes if overview else (name.decode() for name in LINES)),
            command_names=self._command_names,
        )

    def sees(self) -> dict[str, bool]:
        """What the log's head names as watched; conv.bt watches system calls and nothing else."""
        if self._overview is None:
            return {c.value: c in _SEEN_BY_CONV for c in Capability}
        return {c.value: c.value in self._overview.watches for c in Capability}

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Lines by name so far; there are none that go unused."""
        return dict(self._reader.counts), {}

    def close(self) -> None:
        """Nothing is kept open."""

    def batches(self) -> Iterator[CallArray]:
        """Calls by the time of their return. Raises InputError at the end if lines were damaged."""
        directions = Directions()
        for ready in self._ordered():
            directions.decide(ready)
            yield ready
        self._reader.raise_if_damaged()

    def _ordered(self) -> Iterator[CallArray]:
        held = np.zeros(0, dtype=CALL)
        emitted_to = np.uint64(0)
        with self.path.open("rb") as file:
            for batch in self._reader.read(file):
                self.bytes_read = self._reader.offset
                held = np.concatenate((held, self._no_older_gaps(batch, emitted_to)))
                if len(held) >= BATCHES_HELD * LINES_PER_BATCH:
                    ready, held = split_sorted(held, self._settled(held))
                    ready, emitted_to = without_late(ready, emitted_to)
                    yield ready
        ready, _ = without_late(split_sorted(held, len(held))[0], emitted_to)
        yield ready

    def _settled(self, held: CallArray) -> int:
        """How many of the calls, in order, to give: half, but none of a time of which a CPU may
        still mark a loss, unless there are far too many."""
        half = len(held) // 2
        if isinstance(self._reader, LineReader) or len(held) >= MOST_HELD * LINES_PER_BATCH:
            return half
        complete = self._reader.complete_ns
        return min(half, int(np.count_nonzero(held["ts_exit"] < np.uint64(complete))))

    def _no_older_gaps(self, calls: CallArray, emitted_to: np.uint64) -> CallArray:
        """Let gaps begin, at the earliest, where what was given already ends. Where lines name no
        CPU, they began before all."""
        gaps = np.isin(calls["code"], (CallCode.LOSS_BEGIN, CallCode.LOSS_END))
        columns = [calls["ts_enter"], calls["ts_exit"]]
        if isinstance(self._reader, BpftraceReader):
            columns.append(calls["v"][:, 1])
        for times in columns:
            times[gaps] = np.maximum(times[gaps], emitted_to)
        return calls


def _scout(path: Path) -> LineReader:
    """A first reading. What ends it ends the second one, too, which reports it."""
    reader = LineReader(path, {})
    with path.open("rb") as file, suppress(InputError):
        for _ in reader.read(file):
            pass
    return reader


def _overview(path: Path) -> BpftraceReader:
    reader = BpftraceReader(path)
    with path.open("rb") as file:
        for _ in reader.read(file):
            pass
    return reader
