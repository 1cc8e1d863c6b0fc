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
from collector.trace.text._losses import gap
from collector.trace.text._tables import NAME_SLOTS, NO_PLAN, Text, empty_tables
from collector.trace.text._templates import Template, with_templates

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

    def __init__(self, path: Path, templates_of: TemplatesOf) -> None:
        self.path = path
        self.bytes_read = 0
        self.unreadable = 0
        self.first_unreadable = 0
        self.is_cut = False
        self._templates_of = templates_of
        self._tables = empty_tables(ROWS)
        self._places = self._tables.places[0]
        self._names: dict[int, str] = {}  # by slot
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
            lines = int(self._tables.counts[slot])
            if not name.startswith(self.not_events) and lines:
                counts = unused if self._tables.plan_of[slot] == NO_PLAN else used
                counts[name] = counts.get(name, 0) + lines
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
        self._places["at"], self._places["end"] = 0, len(chunk)
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
        records = self._tables.rows[: self._places["rows"]].copy().view(RECORD)
        gaps, self._gaps = self._gaps, []
        self._places["rows"] = 0
        return records, gaps

    def _learn(self, chunk: bytes) -> None:
        """An event's name is met for the first time."""
        if self.has_many_names:
            at = self.bytes_read + int(self._places["at"])
            raise InputError(self.path, at, f"more than {_MOST_NAMES} different events")
        places, keys = self._places, self._tables.keys
        name = chunk[places["name"] : places["name_end"]].decode(errors="replace")
        slot = scanning.slot_of_key(keys, int(places["key"]))
        keys[slot], self._names[slot] = places["key"], name
        payload = chunk[places["payload"] : places["line_end"]]
        templates = self._templates_of(name, payload.decode(errors="replace").strip())
        self._tables, self._tables.plan_of[slot] = with_templates(self._tables, templates)

    def _note_unreadable(self, chunk: bytes) -> None:
        """A line that cannot be read is an event that is lost: place and count are known."""
        first, end = int(self._places["at"]), int(self._places["line_end"])
        self._places["at"] = end + 1
        if self.noise.match(chunk, first, end):
            return
        self._count_unreadable(first)
        row = int(self._places["rows"])
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
