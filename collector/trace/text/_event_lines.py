"""A file whose lines name events, read by a compiled scan: what all such files have in common."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.records import RECORD, RecordArray
from collector.trace.errors import InputError
from collector.trace.text import _scanning as scanning
from collector.trace.text._header import Text
from collector.trace.text._losses import gap
from collector.trace.text._scanning import NAME_SLOTS
from collector.trace.text._templates import NO_PLAN, Template, TemplateTables

CHUNK_BYTES = 1 << 21
LONGEST_LINE = 1 << 16
ROWS = 1 << 15
UNKNOWN_CPU = 0xFFFF
_MOST_NAMES = NAME_SLOTS // 2

TemplatesOf = Callable[[str, str], tuple[Template, ...]]
"""Of an event's name and its first line."""
Gaps = list[tuple[int, int]]
"""(row that follows, lines that could not be read)"""


class EventLines(ABC):
    """The records of one file in its own order, with gaps where lines could not be read.

    `noise` is what a line may begin with that is no damage, `not_events` with what the names of
    those begin that are not counted.
    """

    noise = re.compile(rb"\s*$")
    not_events = "\n"

    def __init__(self, path: Path, templates_of: TemplatesOf, state_size: int) -> None:
        self.path = path
        self.bytes_read = 0
        self.unreadable = 0
        self.first_unreadable = 0
        self.is_cut = False
        self._templates_of = templates_of
        self._tables = TemplateTables()
        self._names: dict[int, str] = {}  # by slot
        self._keys = np.zeros(NAME_SLOTS, np.int64)
        self._plan_of = np.full(NAME_SLOTS, NO_PLAN, np.int64)
        self._counts = np.zeros(NAME_SLOTS, np.int64)
        self._state = np.zeros(state_size, np.int64)
        self._rows = np.zeros((ROWS, scanning.ROW_WORDS), np.int64)
        self._rest = b""  # of a line that has not ended
        self._gaps: Gaps = []

    @property
    def has_many_names(self) -> bool:
        """So many that there is room for no more."""
        return len(self._names) >= _MOST_NAMES

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Lines by event so far: of those that are used, and of those that are not needed."""
        used: dict[str, int] = {}
        unused: dict[str, int] = {}
        for slot, name in self._names.items():
            if not name.startswith(self.not_events) and self._counts[slot]:
                counts = unused if self._plan_of[slot] == NO_PLAN else used
                counts[name] = counts.get(name, 0) + int(self._counts[slot])
        return used, unused

    def raise_if_damaged(self) -> None:
        if self.is_cut and self.unreadable == 1:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)

    @abstractmethod
    def _scan(self, text: Text) -> int:
        """Read on, by one of the compiled scans; returns how that ended."""

    def _scanned(self) -> Iterator[RecordArray]:
        previous = 0
        with self.path.open("rb") as file:
            for chunk in self._chunks(file):
                for records, gaps in self._records_of(chunk):
                    if len(records) or gaps:
                        yield _with_gaps(records, gaps, previous)
                    previous = int(records["ts"][-1]) if len(records) else previous
                self.bytes_read += len(chunk)
        if self._rest.strip() and not self.noise.match(self._rest):
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

    def _records_of(self, chunk: bytes) -> Iterator[tuple[RecordArray, Gaps]]:
        text = np.frombuffer(chunk, np.uint8)
        self._state[scanning.AT], self._state[scanning.END] = 0, len(chunk)
        status = scanning.FULL
        while status != scanning.DONE:
            status = self._scan(text)
            if status in (scanning.DONE, scanning.FULL):
                yield self._taken(chunk)
            else:
                self._meet(status, chunk)

    def _meet(self, status: int, chunk: bytes) -> None:
        """A scan stopped at a line."""
        if status == scanning.NEW_NAME:
            self._learn(chunk)
        elif status == scanning.UNREADABLE:
            self._note_unreadable(chunk)

    def _taken(self, chunk: bytes) -> tuple[RecordArray, Gaps]:
        count = int(self._state[scanning.ROWS])
        records = self._rows[:count].copy().view(RECORD).reshape(count)
        gaps, self._gaps = self._gaps, []
        self._state[scanning.ROWS] = 0
        return records, gaps

    def _learn(self, chunk: bytes) -> None:
        """An event's name is met for the first time."""
        if self.has_many_names:
            at = self.bytes_read + int(self._state[scanning.AT])
            raise InputError(self.path, at, f"more than {_MOST_NAMES} different events")
        first, end = int(self._state[scanning.NAME]), int(self._state[scanning.NAME_END])
        name = chunk[first:end].decode(errors="replace")
        key = int(self._state[scanning.KEY])
        slot = scanning.slot_of_key(self._keys, key)
        self._keys[slot], self._names[slot] = key, name
        payload = chunk[int(self._state[scanning.PAYLOAD]) : int(self._state[scanning.LINE_END])]
        templates = self._templates_of(name, payload.decode(errors="replace").strip())
        self._plan_of[slot] = self._tables.add(templates)

    def _note_unreadable(self, chunk: bytes) -> None:
        """A line that cannot be read is an event that is lost: place and count are known."""
        first, end = int(self._state[scanning.AT]), int(self._state[scanning.LINE_END])
        self._state[scanning.AT] = end + 1
        if self.noise.match(chunk, first, end):
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


def _with_gaps(records: RecordArray, gaps: Gaps, previous_ns: int) -> RecordArray:
    parts, taken = [], 0
    for row, count in gaps:
        parts.append(records[taken:row])
        before = int(records["ts"][row - 1]) if row else previous_ns
        after = int(records["ts"][row]) if row < len(records) else before
        before = before or after  # nothing came before it
        parts.append(gap(min(before, after), max(before, after), count, UNKNOWN_CPU))
        taken = row
    return np.concatenate((*parts, records[taken:]))
