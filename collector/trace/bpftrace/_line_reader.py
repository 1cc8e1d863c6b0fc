"""A conv.bt log, line by line -> calls, and what was lost or could not be read."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.codes import CallCode
from collector.records import CALL, CallArray
from collector.trace.bpftrace._lines import LINES, Row, parsed
from collector.trace.bpftrace._order import UNKNOWN_COUNT, loss
from collector.trace.errors import InputError

LINES_PER_BATCH = 1 << 16
LONGEST_LINE = 1 << 16
VERSION = re.compile(rb"# conv\.bt v(\d{1,9})")
_LOST = re.compile(rb"(?:WARNING: )?Lost (\d{1,12}) events")


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Its lines; one that does not end is cut off."""
    return iter(partial(file.readline, LONGEST_LINE + 1), b"")


def is_loss_line(text: bytes) -> bool:
    """Whether bpftrace reports that it lost events, legibly or not."""
    return text.removeprefix(b"WARNING: ").startswith(b"Lost ") and text.endswith(b" events")


def is_like_a_call(text: bytes) -> bool:
    return any(b" " + name + b" " in text for name in LINES)


@dataclass(slots=True)
class LineReader:
    """Lines -> rows, keeping count of what was lost or could not be read.

    Lines come in bursts, one CPU's buffer after the other, and do not name it. So it is not known
    until when the CPU that lost some had reported everything: such a gap begins with the recording.
    Read the file once to learn how many there are, and from when on: `gaps` and `first_ns`.
    """

    path: Path
    command_names: dict[int, str]
    first_ns: int | None = None  # the earliest entry
    gaps: int = 0  # met so far
    gaps_ahead: int = 0  # of this file, to be given before the first call
    offset: int = 0
    unreadable: int = 0
    first_unreadable: int = 0
    is_cut: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _rows: list[Row] = field(default_factory=list)
    _losses: list[CallArray] = field(default_factory=list)
    _lost: int = 0  # since the last line that was a call
    _newest: int | None = None  # return

    def read(self, file: BinaryIO) -> Iterator[CallArray]:
        begins = loss(self.first_ns or 0, 0, UNKNOWN_COUNT)[:1]
        self._losses.append(np.repeat(begins, self.gaps_ahead))
        for line in lines_of(file):
            if len(line) > LONGEST_LINE:
                raise InputError(self.path, self.offset, "a line without end")
            self.take(line)
            if len(self._rows) >= LINES_PER_BATCH:
                yield self.batch()
        self._end_gap((self._newest or 0) + 1)  # after all that is there
        if self.is_cut:  # whichever call it was, it is not known to be the last
            at = self._newest or 0
            self._losses.append(loss(at, at, 1))
        yield self.batch()

    def take(self, line: bytes) -> None:
        """Read the next line, its end included unless it is cut off."""
        self._understand(line)
        self.offset += len(line)

    def _end_gap(self, at_ns: int) -> None:
        """What was lost was so before a call of that CPU returned at `at_ns`."""
        if self._lost:
            self.gaps += 1
            gap = loss(self.first_ns or 0, at_ns, self._lost)
            self._losses.append(gap[1:])
            self._lost = 0

    def batch(self) -> CallArray:
        """The calls of the lines taken since the last batch, and the losses between them."""
        rows = np.array(self._rows, dtype=CALL)
        batch = np.concatenate((*self._losses, rows))
        self._rows, self._losses = [], []
        return batch

    def raise_if_damaged(self) -> None:
        if self.is_cut:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)

    def _understand(self, line: bytes) -> None:
        is_whole = line.endswith(b"\n")
        text = line.rstrip(b"\r\n")
        row = self._row(text) if is_whole else None
        if row is not None:
            self._take_row(row)
        elif not is_whole and text:
            self._count_unreadable()
            self.is_cut = True
        elif lost := _LOST.fullmatch(text):
            self._lost += int(lost[1])
        elif version := VERSION.match(text):
            if version[1] != b"1":
                raise InputError(self.path, self.offset, f"conv.bt v{int(version[1])} is not known")
        elif text[:1].isdigit() or is_loss_line(text) or is_like_a_call(text):
            self._count_unreadable()
            self._lost += 1

    def _take_row(self, row: Row) -> None:
        t_enter, t_exit = row[0], row[1]
        self._end_gap(t_exit)
        self._rows.append(row)
        self._newest = max(self._newest or 0, t_exit)
        self.first_ns = t_enter if self.first_ns is None else min(self.first_ns, t_enter)

    def _count_unreadable(self) -> None:
        """A line that cannot be read is a call that is lost."""
        if not self.unreadable:
            self.first_unreadable = self.offset
        self.unreadable += 1

    def _row(self, text: bytes) -> Row | None:
        call = parsed(text)
        if call is None:
            return None
        if call.tid not in self.command_names or call.code == CallCode.CREATE_VM:
            self.command_names[call.tid] = call.command.decode(errors="replace")
        self.counts[call.name.decode()] += 1
        return call.row
