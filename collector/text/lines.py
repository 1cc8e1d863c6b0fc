"""A text trace as RECORDs: its lines in order of time, its losses and its damage among them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.records import RECORD, RecordArray
from collector.sources.base import InputError
from collector.text import scanning
from collector.text.header import HEADER_SIZE, Text
from collector.text.losses import TextLoss, find_losses, gap, in_order, loss_rows
from collector.text.scanning import COMM, COMM_END, NAME_SLOTS, TGID
from collector.text.templates import NO_PLAN, Template, TemplateTables

CHUNK_BYTES = 1 << 21
LONGEST_LINE = 1 << 16
ROWS = 1 << 15
HELD_ROWS = 1 << 15
"""Events that come out of order are put in order as far as they are no further apart."""
UNKNOWN_CPU = 0xFFFF
_MOST_NAMES = NAME_SLOTS // 2
_NOT_EVENTS = "PERF_RECORD_"

_NOISE = re.compile(
    rb"\s*$|CPU:\d+ \[|cpus=\d+$|version = |trace-cmd: |Warning:|Processed \d+ |Check IO/CPU"
    rb"|libtraceevent: |\s+\[\w+:\w+\] bad op token|\s+Error: expected |\s*function \w+ not defined"
    rb"|\[ perf record: |'trace' not valid "
)
"""What the tools say besides events, and what lands in the file with 2>&1."""

TemplatesOf = Callable[[str, str], tuple[Template, ...]]
"""Of an event's name and what its first line says."""


class TextRecords:
    """The records of one file, read once from front to back."""

    def __init__(self, path: Path, templates_of: TemplatesOf, overwritten: int = 0) -> None:
        """`overwritten`: how many events, older than all that are there, are known to be lost."""
        self.path = path
        self._overwritten = overwritten
        self.bytes_read = 0
        self.command_names: dict[int, str] = {}
        self.thread_groups: dict[int, int] = {}
        self.unreadable = 0
        self.first_unreadable = 0
        self.is_cut = False
        self._templates_of = templates_of
        self._tables = TemplateTables()
        self._names: dict[int, str] = {}  # by slot
        self._keys = np.zeros(NAME_SLOTS, np.int64)
        self._plan_of = np.full(NAME_SLOTS, NO_PLAN, np.int64)
        self._counts = np.zeros(NAME_SLOTS, np.int64)
        self._state = np.zeros(scanning.STATE_SIZE, np.int64)
        self._found = np.zeros(HEADER_SIZE, np.int64)
        self._rows = np.zeros((ROWS, scanning.ROW_WORDS), np.int64)
        self._who = np.zeros((ROWS, scanning.WHO_WIDTH), np.int64)
        self._rest = b""  # of a line that has not ended
        self._gaps: list[tuple[int, int]] = []  # (row that follows, lines that could not be read)

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Lines by event so far: of those that are used, and of those that tell us nothing."""
        used: dict[str, int] = {}
        unused: dict[str, int] = {}
        for slot, name in self._names.items():
            if not name.startswith(_NOT_EVENTS) and self._counts[slot]:
                counts = unused if self._plan_of[slot] == NO_PLAN else used
                counts[name] = counts.get(name, 0) + int(self._counts[slot])
        return used, unused

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
        losses = find_losses(self.path)
        if self._overwritten:
            starts = [
                int(first["ts"][first["cpu"] == cpu].min()) for cpu in np.unique(first["cpu"])
            ]
            losses.append(TextLoss(None, max(starts), UNKNOWN_CPU, self._overwritten))
        return loss_rows(losses, int(first["ts"].min()))

    def raise_if_damaged(self) -> None:
        if self.is_cut and self.unreadable == 1:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)

    def _scanned(self) -> Iterator[RecordArray]:
        """Records in the file's order, with gaps where lines could not be read."""
        previous = 0
        with self.path.open("rb") as file:
            for chunk in self._chunks(file):
                for records, gaps in self._records_of(chunk):
                    if len(records) or gaps:
                        yield _with_gaps(records, gaps, previous)
                    previous = int(records["ts"][-1]) if len(records) else previous
                self.bytes_read += len(chunk)
        if self._rest.strip() and not _NOISE.match(self._rest):
            self.is_cut = True
            self._count_unreadable(0)
            yield gap(previous, previous, 1, UNKNOWN_CPU)

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        """Whole lines. A last one without an end is cut off, though it may look whole."""
        while content := file.read(CHUNK_BYTES):
            content = self._rest + content
            end = content.rfind(b"\n") + 1
            if len(content) - end > LONGEST_LINE:
                raise InputError(self.path, self.bytes_read + end, "a line without end")
            self._rest = content[end:]
            yield content[:end]

    def _records_of(self, chunk: bytes) -> Iterator[tuple[RecordArray, list[tuple[int, int]]]]:
        text = np.frombuffer(chunk, np.uint8)
        self._state[scanning.AT], self._state[scanning.END] = 0, len(chunk)
        status = scanning.FULL
        while status != scanning.DONE:
            status = self._scan(text)
            if status == scanning.NEW_NAME:
                self._learn(chunk)
            elif status == scanning.UNREADABLE:
                self._note_unreadable(chunk)
            else:
                yield self._taken(chunk)

    def _scan(self, text: Text) -> int:
        tables = self._tables
        return scanning.scan(
            text,
            self._state,
            self._found,
            self._keys,
            self._plan_of,
            self._counts,
            tables.plans,
            tables.instructions,
            tables.stores,
            self._rows,
            self._who,
        )

    def _taken(self, chunk: bytes) -> tuple[RecordArray, list[tuple[int, int]]]:
        count = int(self._state[scanning.ROWS])
        records = self._rows[:count].copy().view(RECORD).reshape(count)
        self._meet_threads(records, chunk)
        gaps, self._gaps = self._gaps, []
        self._state[scanning.ROWS] = 0
        return records, gaps

    def _learn(self, chunk: bytes) -> None:
        """An event's name is met for the first time."""
        if len(self._names) >= _MOST_NAMES:
            at = self.bytes_read + int(self._state[scanning.AT])
            raise InputError(self.path, at, f"more than {_MOST_NAMES} different events")
        first, end = int(self._state[scanning.NAME]), int(self._state[scanning.NAME_END])
        name = chunk[first:end].decode(errors="replace")
        key = int(self._state[scanning.KEY])
        slot = key & (NAME_SLOTS - 1)
        while self._keys[slot]:
            slot = (slot + 1) & (NAME_SLOTS - 1)
        self._keys[slot], self._names[slot] = key, name
        payload = chunk[int(self._state[scanning.PAYLOAD]) : int(self._state[scanning.LINE_END])]
        templates = self._templates_of(name, payload.decode(errors="replace").strip())
        self._plan_of[slot] = self._tables.add(templates)

    def _note_unreadable(self, chunk: bytes) -> None:
        """A line that cannot be read is an event that is lost: place and count are known."""
        first, end = int(self._state[scanning.AT]), int(self._state[scanning.LINE_END])
        self._state[scanning.AT] = end + 1
        if _NOISE.match(chunk, first, end):
            return
        self._count_unreadable(first)
        row = int(self._state[scanning.ROWS])
        if self._gaps and self._gaps[-1][0] == row:
            self._gaps[-1] = row, self._gaps[-1][1] + 1
        else:
            self._gaps.append((row, 1))

    def _count_unreadable(self, at: int) -> None:
        if not self.unreadable:
            self.first_unreadable = self.bytes_read + at
        self.unreadable += 1

    def _meet_threads(self, records: RecordArray, chunk: bytes) -> None:
        """Learn the process and the latest name of each thread: exec gives it another."""
        tids, lasts = np.unique(records["tid"][::-1], return_index=True)
        for tid, last in zip(tids.tolist(), (len(records) - 1 - lasts).tolist(), strict=True):
            process, begin, end = self._who[last, [TGID, COMM, COMM_END]].tolist()
            self.command_names[tid] = chunk[begin:end].decode(errors="replace").strip()
            if process:
                self.thread_groups[tid] = process


def _with_gaps(records: RecordArray, gaps: list[tuple[int, int]], previous_ns: int) -> RecordArray:
    parts, taken = [], 0
    for row, count in gaps:
        parts.append(records[taken:row])
        before = int(records["ts"][row - 1]) if row else previous_ns
        after = int(records["ts"][row]) if row < len(records) else before
        before = before or after  # nothing came before it
        parts.append(gap(min(before, after), max(before, after), count, UNKNOWN_CPU))
        taken = row
    return np.concatenate((*parts, records[taken:]))


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
