"""Text traces, each as an imported file: of `perf script`, of ftrace and of `trace-cmd report`."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from collector.codes import RecordCode
from collector.description import SourceDescription
from collector.importing._trace_dat import LOOK_AHEAD_RECORDS, capabilities
from collector.pairing import SyscallTracker
from collector.records import CallArray, RecordArray
from collector.trace.text import KnownEvents, TextHead, TextRecords, by_name

_EXIT_ERRORS = (
    "The text has of an exit to user space either its reason or its error: an exit that failed"
    " with EFAULT is taken for a memory fault."
)


class TextTrace:
    """One file. Looks at its first records when opened."""

    def __init__(self, path: Path, format_name: str, head: TextHead) -> None:
        self.path = path
        self._format = format_name
        self._head = head
        self._text = TextRecords(path, KnownEvents().templates_of, head.overwritten)
        self._counts = np.zeros(256, np.int64)
        self._batches = self._text.batches()
        self._seen_ahead = self._look_ahead()

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def describe(self) -> SourceDescription:
        start_ns = self._start_ns()
        wall = self._head.wall_minus_clock_ns
        return SourceDescription(
            format=self._format,
            clock=self._head.clock,
            clock_start_ns=start_ns,
            host=self._head.host,
            kernel_release=self._head.kernel_release,
            sees=self.sees(),
            notes=(_EXIT_ERRORS,) if self._counts[RecordCode.USERSPACE_EXIT] else (),
            events_present=tuple(self._text.event_counts()[0]),
            command_names=self._text.command_names,
            thread_groups=self._text.thread_groups,
            wall_start_ns=None if wall is None else wall + start_ns,
        )

    def _start_ns(self) -> int:
        for records in self._seen_ahead:
            if len(records):
                return int(records["ts"][0])
        return 0

    def sees(self) -> dict[str, bool]:
        """By the records met so far, and what was recorded by the head."""
        counts = self._counts.copy()
        for name in self._head.events:
            counts[[template.code for template in by_name(name)]] += 1
        return capabilities(counts)

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return self._text.event_counts()

    def batches(self) -> Iterator[CallArray]:
        """Calls in order of effect time. Raises InputError at the end if lines were damaged."""
        pairing = SyscallTracker()
        if self._counts[RecordCode.USERSPACE_EXIT]:
            pairing.expect_userspace_exits()
        for records in chain(self._seen_ahead, self._rest()):
            yield self._with_processes(pairing.add(records))
        yield self._with_processes(pairing.finish())
        self._text.raise_if_damaged()

    def close(self) -> None:
        """Nothing is kept open but what reading it to the end would close."""
        del self._batches

    def _look_ahead(self) -> list[RecordArray]:
        """Are exits recorded at all? That is to be known before the first cause is given."""
        seen: list[RecordArray] = []
        for records in self._rest():
            seen.append(records)
            is_settled = self._counts[RecordCode.USERSPACE_EXIT] > 0
            if is_settled or sum(map(len, seen)) >= LOOK_AHEAD_RECORDS:
                break
        return seen

    def _rest(self) -> Iterator[RecordArray]:
        for records in self._batches:
            self._counts += np.bincount(records["code"], minlength=256)
            yield records

    def _with_processes(self, calls: CallArray) -> CallArray:
        groups = self._text.thread_groups
        if groups:
            tids, which = np.unique(calls["tid"], return_inverse=True)
            calls["tgid"] = np.array([groups.get(tid, 0) for tid in tids.tolist()], np.int32)[which]
        return calls


_REPORT = re.compile(rb"cpus=\d+\s*$|\s*\S.{0,40}?-\d+ +\[\d+\] +(?:\S+ +)?\d+\.\d+: \w+: ")
_TRACE_FILE = re.compile(rb"# tracer: ")
_LINES = 200


class TraceReport(TextTrace):
    """One output of trace-cmd report."""

    @staticmethod
    def detects(head: bytes) -> bool:
        """Its lines are as those of the tracing file `trace`, which begins otherwise."""
        lines = head.split(b"\n")[:_LINES]
        return not TraceFile.detects(head) and any(_REPORT.match(line) for line in lines)

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace-report", TextHead())


class TraceFile(TextTrace):
    """One copy of the tracing file `trace`, with or without the column TGID."""

    @staticmethod
    def detects(head: bytes) -> bool:
        return _TRACE_FILE.match(head) is not None

    def __init__(self, path: Path) -> None:
        super().__init__(path, "trace", TextHead.of_trace_file(path))


_EVENT = re.compile(rb"\s*\S.{0,40}? +-?\d+(?:/-?\d+)? +\[\d+\] +\d+\.\d+: +[\w-]+:\w+: ")
_HEAD_LINE = re.compile(rb"# (?:captured on|cmdline) +: ")
_LINES = 200


class PerfScript(TextTrace):
    """One output of perf script."""

    @staticmethod
    def detects(head: bytes) -> bool:
        lines = head.split(b"\n")[:_LINES]
        return any(_EVENT.match(line) or _HEAD_LINE.match(line) for line in lines)

    def __init__(self, path: Path) -> None:
        super().__init__(path, "perf-script", TextHead.of_perf_script(path))
