"""One CPU's sub-buffers decoded to RECORD rows, in batches of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.trace.ring_buffer._plan import DecodePlan
from collector.trace.ring_buffer._sub_buffer import DAMAGE_TEXT, decode_pages
from collector.trace.ring_buffer._tables import Rows, Tables, empty_damage, empty_state

_LOOK_AHEAD = 2  # pages held back: their times show which of two pages that disagree is damaged
_SLACK = 16  # bytes after the last page, so that compiled code may read whole words
_LEAST_ROW = 8  # bytes of a page per row at most: an event of 12 bytes or the two rows of a gap


@dataclass(frozen=True, slots=True)
class Problem:
    """Damage that was met, and stepped over where possible."""

    offset: int | None  # in the file
    cpu: int | None  # None: in the metadata
    reason: str

    def __str__(self) -> str:
        where = [] if self.offset is None else [f"at offset {self.offset:#x}"]
        where += [] if self.cpu is None else [f"(CPU {self.cpu})"]
        return f"{' '.join(where)}: {self.reason}" if where else self.reason


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of sub-buffers. With `damage`, something is missing after them."""

    offset: int  # in the file
    content: bytes
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class PageSizes:
    """Bytes of a sub-buffer, and of those that are decoded at once."""

    page: int
    batch: int


class CpuStream:
    """Decodes one CPU's chunks; `counts` adds up the events met, by id."""

    def __init__(
        self,
        cpu: int,
        chunks: Iterator[Chunk],
        sizes: PageSizes,
        plan: DecodePlan,
        counts: npt.NDArray[np.int64],
        uncounted_gap_count: int = 0,
    ) -> None:
        self.cpu = cpu
        self.problems: list[Problem] = []
        self.is_over = False
        self._chunks = chunks
        self._page_size = sizes.page
        self._capacity = max(sizes.batch, (_LOOK_AHEAD + 2) * sizes.page)
        self._bytes = np.zeros(self._capacity + _SLACK, np.uint8)
        self._filled = 0
        self._is_last = False  # no more chunks
        self._is_cut = False  # what is held need not wait for more
        self._hole: Chunk | None = None  # what is missing after it
        self._marks: list[tuple[int, int]] = []  # (place in _bytes, offset in the file)
        self._plan = plan
        self._counts = counts
        self._damage = empty_damage()
        self._states = empty_state()
        self._state["count_of_uncounted"] = uncounted_gap_count

    @property
    def _state(self) -> np.void:
        """As it is now."""
        return self._states[0]  # type: ignore[no-any-return]

    @property
    def reached(self) -> int:
        """Time of the last event decoded: no later row of this CPU lies before."""
        return int(self._state["last_ts"])

    @property
    def first(self) -> int:
        """Time of the first event, if there is one yet."""
        return int(self._state["first_ts"])

    @property
    def has_events(self) -> bool:
        return bool(self._state["has_events"])

    @property
    def has_open_gap(self) -> bool:
        """Is something missing after the last event?"""
        return bool(self._state["gap_is_open"])

    @property
    def counted_losses(self) -> int:
        return int(self._state["lost"])

    @property
    def uncounted_gaps(self) -> int:
        return int(self._state["uncounted_gaps"])

    @property
    def most_rows(self) -> int:
        """Rows that `next_batch` may need."""
        return self._capacity // _LEAST_ROW

    def next_batch(self, rows: Rows) -> int:
        """Read and decode about one batch of bytes into `rows` (SIGNED_RECORD[most_rows]).

        Returns how many rows; that may be 0 before `is_over` is set.
        """
        if not self._is_cut:
            self._fill()
        known = self._filled // self._page_size
        ready = known if self._is_cut else known - _LOOK_AHEAD
        pages = max(0, min(ready, self._capacity // self._page_size))
        count = self._decode(pages, known, rows)
        if self._is_cut and pages == known:
            self._end_piece()
        return count

    def _fill(self) -> None:
        """Add chunks up to the capacity, the end of the data, or a place where some are missing."""
        while self._filled < self._capacity and not self._is_cut:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._is_cut = self._is_last = True
            else:
                self._append(chunk)
                self._hole = chunk if chunk.damage is not None else None
                self._is_cut = self._hole is not None

    def _end_piece(self) -> None:
        """All pages before a hole, or before the end, are decoded."""
        if self._hole is not None:
            self._note(self._hole.offset, self._hole.damage or "")
        elif self._filled:
            self._note(self._offset_of(0), "the CPU's data ends within a page")
        self._filled = 0
        self._marks.clear()
        self._hole = None
        self._is_cut = self.is_over = self._is_last

    def _append(self, chunk: Chunk) -> None:
        end = self._filled + len(chunk.content)
        if end + _SLACK > len(self._bytes):
            self._bytes = np.concatenate([self._bytes, np.zeros(-(-end // 4) * 4, np.uint8)])
        self._bytes[self._filled : end] = np.frombuffer(chunk.content, np.uint8)
        self._marks.append((self._filled, chunk.offset))
        self._filled = end

    def _decode(self, pages: int, known_pages: int, rows: Rows) -> int:
        self._state["damaged"] = 0
        plan = self._plan
        tables = Tables(
            words=self._bytes.view(np.uint32),
            plan_of=plan.plan_of,
            plans=plan.plans,
            gathers=plan.gathers,
            state=self._states,
            counts=self._counts,
            damage=self._damage,
            rows=rows,
        )
        count = decode_pages(tables, self.cpu, pages, known_pages, self._page_size // 4)
        self._note_damaged_pages()
        self._drop(pages * self._page_size)
        return int(count)

    def _note_damaged_pages(self) -> None:
        damaged = int(self._state["damaged"])
        for page, place, reason in self._damage[:damaged].tolist():
            offset = self._offset_of(page * self._page_size + place)
            self.problems.append(Problem(offset, self.cpu, DAMAGE_TEXT[reason]))
        if damaged > len(self._damage):
            more = damaged - len(self._damage)
            last = self.problems[-1].offset
            self.problems.append(Problem(last, self.cpu, f"and {more} more damaged pages"))

    def _offset_of(self, place: int) -> int:
        """Offset in the file of a place in the buffer; of its chunk if that was compressed."""
        start, offset = max((m for m in self._marks if m[0] <= place), default=(0, 0))
        return offset + place - start

    def _note(self, offset: int, reason: str) -> None:
        self.problems.append(Problem(offset, self.cpu, reason))
        self._state["gap_is_open"] = 1
        self._state["gap_is_uncounted"] = 1

    def _drop(self, length: int) -> None:
        """Forget the first `length` bytes."""
        self._bytes[: self._filled - length] = self._bytes[length : self._filled].copy()
        self._filled -= length
        last = [m for m in self._marks if m[0] <= length][-1:]
        later = [m for m in self._marks if m[0] > length]
        self._marks = [(start - length, offset) for start, offset in last + later]
