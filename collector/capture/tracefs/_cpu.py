"""One CPU's ring buffer: full sub-buffers to records, and exactly what it lost.

The kernel flags the sub-buffer that follows a gap (RB_MISSED_EVENTS), but writes the number of lost
events down only where it finds room; per_cpu/cpu*/stats always has their sum. So each flag is
counted by the stats as they are when it is met. If the writer overwrote more meanwhile, this gap
is counted too large and the next one that much smaller: the sum is the kernel's.
"""

import errno
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from collector.capture.live import SourceEnded
from collector.codes import RecordCode
from collector.records import RECORD, RecordArray
from collector.trace.ring_buffer import (
    EVENT_IDS,
    DecodePlan,
    Tables,
    empty_damage,
    empty_rows,
    empty_state,
    sub_buffer as subbuffer,
)

PAGES_AT_ONCE = 64
_LARGEST_EVENT = 256
_LEAST_ROW = 8  # bytes of a page per row at most
_SLACK = 16
_STAT = re.compile(r"^([a-z ]+): (\d+)$", re.MULTILINE)


class Scratch:
    """Where sub-buffers are read to and decoded, for one CPU after the other."""

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self.bytes = np.zeros(PAGES_AT_ONCE * page_size + _SLACK, np.uint8)
        self.words = self.bytes.view(np.uint32)
        self.rows = empty_rows(len(self.bytes) // _LEAST_ROW)
        self.damage = empty_damage()
        self.counts = np.zeros(EVENT_IDS, np.int64)  # events of all CPUs, by id


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that a CPU lost since its buffer exists: the kernel's per_cpu/cpu*/stats."""

    overrun: int = 0  # overwritten before they were read: the next sub-buffer read has the flag
    unflagged: int = 0  # "commit overrun" (the writer ran into what it interrupted) and "dropped"

    @classmethod
    def parsed(cls, stats: str) -> Self:
        numbers = {name: int(number) for name, number in _STAT.findall(stats)}
        others = ("commit overrun", "dropped events")
        return cls(numbers.get("overrun", 0), sum(numbers.get(name, 0) for name in others))


@dataclass(frozen=True, slots=True)
class Read:
    """What was found at once. `is_drained`: no full sub-buffer is left."""

    records: RecordArray
    pages: int
    is_drained: bool


class TracefsCpu:
    def __init__(
        self,
        folder: Path,
        cpu: int,
        plan: DecodePlan,
        scratch: Scratch,
        start_ns: int,
        known: Lost | None = None,
    ) -> None:
        """`folder`: per_cpu/cpuN of an instance that records since `start_ns`.

        `known`: what it has lost already and is not counted here; None: it is.
        """
        self.bytes_read = 0
        self._cpu = cpu
        self._scratch = scratch
        self._states = empty_state()
        self._tables = Tables(
            words=scratch.words,
            plan_of=plan.plan_of,
            plans=plan.plans,
            gathers=plan.gathers,
            state=self._states,
            counts=scratch.counts,
            damage=scratch.damage,
            rows=scratch.rows,
        )
        self._stats = folder / "stats"
        self._pipe = os.open(folder / "trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
        self._known = Lost() if known is None else known  # what records report so far
        self._is_counted = known is None
        # A gap before the first event begins with the recording.
        self._states["last_ts"], self._states["has_events"] = start_ns, 1

    @property
    def reached(self) -> int:
        return int(self._states["last_ts"][0])

    def read(self) -> Read:
        """Ends at a sub-buffer that its writer has not filled, or at one after a gap.

        The first one of all may be the rest of one that was read half full last time, which shows
        nothing.
        """
        pages, is_drained, has_gap = 0, False, False
        while pages < PAGES_AT_ONCE and not is_drained and not has_gap:
            used = self._read_page(pages)
            if used is None:
                is_drained = True
                break
            has_gap = self._count_gap(pages, used)
            pages += 1
            is_drained = pages > 1 and not has_gap and not self._is_full(used)
        return Read(self._decoded(pages), pages, is_drained)

    def _read_page(self, page: int) -> int | None:
        """Bytes of data in it; None: there is none."""
        size = self._scratch.page_size
        begin = page * size
        try:
            length = os.readv(self._pipe, [self._scratch.bytes[begin : begin + size].data])
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENODEV:  # it has never been online
                return None
            raise SourceEnded(
                f"{self._stats.parent} is not to be read: {error.strerror}"
            ) from error
        if length == 0:
            return None
        self._scratch.bytes[begin + length : begin + size] = 0
        self.bytes_read += length
        return self._commit(page) & subbuffer.COMMIT_MASK

    def _is_full(self, used: int) -> bool:
        return used + subbuffer.HEADER + _LARGEST_EVENT >= self._scratch.page_size

    def _commit(self, page: int) -> int:
        return int(self._scratch.words[page * self._scratch.page_size // 4 + 2])

    def _count_gap(self, page: int, used: int) -> bool:
        """Whether events are missing before the page; then also how many, in place of its own
        number."""
        commit = self._commit(page)
        if not commit & subbuffer.MISSED_EVENTS:
            return False
        base = page * self._scratch.page_size // 4
        overrun = self._lost().overrun
        count = max(0, overrun - self._known.overrun)
        if commit & subbuffer.MISSED_STORED:
            after = base + subbuffer.HEADER_WORDS + used // 4
            count = min(count, int(self._scratch.words[after : after + 2].view(np.uint64)[0]))
        self._known = replace(self._known, overrun=self._known.overrun + count)
        if not self._is_counted:  # nobody knows how much of it came since the recording's start
            self._is_counted, count = True, 0
        self._states["count_of_uncounted"] = count
        self._scratch.words[base + 2] = commit & ~subbuffer.MISSED_STORED
        return True

    def _lost(self) -> Lost:
        """Raises SourceEnded."""
        try:
            return Lost.parsed(self._stats.read_text())
        except OSError as error:
            raise SourceEnded(f"{self._stats} is not to be read: {error.strerror}") from error

    def _decoded(self, pages: int) -> RecordArray:
        if not pages:
            return np.zeros(0, RECORD)
        scratch, page_words = self._scratch, self._scratch.page_size // 4
        self._states["damaged"] = 0
        count = subbuffer.decode_pages(self._tables, self._cpu, pages, pages, page_words)
        if self._states["damaged"][0]:
            reason = subbuffer.DAMAGE_TEXT[int(scratch.damage["reason"][0])]
            raise SourceEnded(f"the ring buffer of CPU {self._cpu} cannot be read: {reason}")
        return scratch.rows[:count].copy().view(RECORD)

    def unflagged_losses(self, since: int, now: int, *, is_last: bool) -> RecordArray:
        """What no flag marks, but the stats: it was lost between the times given.

        At the end that may be sub-buffers that were overwritten, too: no other followed them.
        """
        lost = self._lost()
        count = lost.unflagged - self._known.unflagged
        if is_last:
            count += max(0, lost.overrun - self._known.overrun)
        self._known = replace(lost, overrun=lost.overrun if is_last else self._known.overrun)
        return _gap(self._cpu, count, since, now) if count > 0 else np.zeros(0, RECORD)

    def close(self) -> None:
        os.close(self._pipe)


def _gap(cpu: int, count: int, begin: int, end: int) -> RecordArray:
    gap = np.zeros(2, RECORD)
    gap["cpu"] = cpu
    gap["code"] = RecordCode.LOSS_BEGIN, RecordCode.LOSS_END
    gap["ts"] = begin, end
    gap["v"][:, 0] = count
    gap["v"][:, 1] = end, begin
    return gap
