"""A text trace as RECORDs: its lines in order of time, its losses and its damage among them."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from collector.records import RECORD, RecordArray
from collector.trace.text import _scanning as scanning
from collector.trace.text._event_lines import ROWS, UNKNOWN_CPU, EventLines, Gaps, TemplatesOf
from collector.trace.text._losses import DROPPED, find_losses, gap, in_order, loss_rows
from collector.trace.text._tables import Text

HELD_ROWS = 1 << 15
"""Events that come out of order are put in order as far as they are no further apart."""
_NOT_EVENTS = "PERF_RECORD_"

_NOISE = re.compile(
    rb"\s*$|cpus=\d+$|version = |trace-cmd: |Warning:|Processed \d+ |Check IO/CPU"
    rb"|libtraceevent: |\s+\[\w+:\w+\] bad op token|\s+Error: expected |\s*function \w+ not defined"
    rb"|\[ perf record: |'trace' not valid |" + DROPPED.pattern
)
"""What the tools print besides events, and what lands in the file with 2>&1."""


class TextRecords(EventLines):
    """The records of one file, read once from front to back."""

    not_events = _NOT_EVENTS
    noise = _NOISE

    def __init__(self, path: Path, templates_of: TemplatesOf, overwritten: int = 0) -> None:
        """`overwritten`: how many events, older than all that are there, are known to be lost."""
        super().__init__(path, templates_of)
        self._overwritten = overwritten
        self.command_names: dict[int, str] = {}
        self.thread_groups: dict[int, int] = {}
        self._who = np.zeros(ROWS, scanning.WHO)

    def batches(self) -> Iterator[RecordArray]:
        """In order of time. What comes too late to be put in order is a loss."""
        losses: RecordArray | None = None
        held, emitted_to = np.zeros(0, RECORD), 0
        for records in self._scanned():
            held = np.concatenate((held, records))
            if losses is None and len(held):
                losses = self._losses(held)
            if losses is not None and len(held) > 2 * HELD_ROWS:
                ready, held, losses = _split(held, losses)
                ready, emitted_to = _without_late(ready, emitted_to)
                yield ready
        ready = in_order(held if losses is None else np.concatenate((held, losses)))
        ready, _ = _without_late(ready, emitted_to)
        yield ready

    def _losses(self, first: RecordArray) -> RecordArray:
        losses = find_losses(self.path, self._overwritten)
        for loss in losses:
            if loss.damaged_at is not None:
                self._count_unreadable(loss.damaged_at - self.bytes_read)
        return loss_rows(losses, int(first["ts"].min()))

    def _scan(self, text: Text) -> int:
        return scanning.scan(self._tables, text, self._who)

    def _taken(self, chunk: bytes) -> tuple[RecordArray, Gaps]:
        records, gaps = super()._taken(chunk)
        self._meet_threads(records, chunk)
        return records, gaps

    def _meet_threads(self, records: RecordArray, chunk: bytes) -> None:
        """Learn the process and the latest name of each thread: exec gives it another."""
        tids, lasts = np.unique(records["tid"][::-1], return_index=True)
        for tid, last in zip(tids.tolist(), (len(records) - 1 - lasts).tolist(), strict=True):
            process, begin, end = self._who[last].tolist()
            self.command_names[tid] = chunk[begin:end].decode(errors="replace").strip()
            if process:
                self.thread_groups[tid] = process


def _split(held: RecordArray, losses: RecordArray) -> tuple[RecordArray, RecordArray, RecordArray]:
    """(what is settled, what is still held, losses that are still to come)."""
    times = held["ts"]
    if not (times[1:] >= times[:-1]).all():
        held = in_order(held)
    count = len(held) - HELD_ROWS
    due = int(np.searchsorted(losses["ts"], held["ts"][count], side="left"))
    ready = held[:count]
    if due:
        ready = in_order(np.concatenate((ready, losses[:due])))
    return ready, held[count:], losses[due:]


def _without_late(records: RecordArray, emitted_to: int) -> tuple[RecordArray, int]:
    """Turn records older than what was already given into a loss: their order is not known."""
    count = int(np.searchsorted(records["ts"], np.uint64(emitted_to), side="left"))
    if count:
        lost = gap(emitted_to, emitted_to, count, UNKNOWN_CPU)
        records = np.concatenate((lost, records[count:]))
    return records, max(emitted_to, int(records["ts"][-1])) if len(records) else emitted_to
