"""Rows of the segment table: making them, and merging the small ones of a live recording.

Called inside the writer's transaction, so that readers see either the parts or the whole.
"""

from dataclasses import astuple, dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, delete, insert
from sqlmodel import SQLModel, col

from app.store import checksums
from app.store.codecs import encode_changes, encode_events, encode_summary, summarise_segment
from app.store.schema import Segment, Summary
from app.store.segments import segment_row_checksum
from app.store.write._coarse_rows import Summarised
from app.store.write._coarse_summaries import CoarseSummaries
from app.store.write._vm_buffer import Part, Position, VmBuffer

TAILS_PER_MERGE = 16
"""So many neighbours of one level become one of the next, as in a log-structured merge tree."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A segment that may still be merged with its neighbours."""

    segment_id: int
    number: int
    start: Position
    end: Position
    level: int


@dataclass(slots=True)
class SegmentRows:
    """Writes one VM's segments."""

    vm_id: int
    coarse: CoarseSummaries
    _next_number: int = 0
    _tails: list[Tail] = field(default_factory=list)

    def written(self, buffer: VmBuffer) -> Position:
        """Up to where the buffer's rows are in the database."""
        return self._tails[-1].end if self._tails else buffer.sealed

    def add_tail(self, connection: Connection, buffer: VmBuffer) -> None:
        """Write what is new as a small segment, and merge small ones when they are many."""
        part = buffer.part(self.written(buffer), buffer.end)
        if part.is_empty:
            return
        self._append_tail(connection, part, buffer.end, self._take_number(), level=0)
        while mergeable := self._mergeable():
            first, last = mergeable[0], mergeable[-1]
            self._remove(connection, mergeable)
            part = buffer.part(first.start, last.end)
            self._append_tail(connection, part, last.end, first.number, first.level + 1)

    def seal(self, connection: Connection, buffer: VmBuffer) -> tuple[int, bool]:
        """Write everything held as one segment in place of its tails; returns its row id, and
        whether it is the last of a group.

        The caller lets the buffer forget it once the transaction is committed.
        """
        number = self._tails[0].number if self._tails else self._take_number()
        self._remove(connection, self._tails)
        part = buffer.part(buffer.sealed, buffer.end)
        segment_id = _insert(connection, self.vm_id, number, part, is_tail=False)
        pages = buffer.page_map.totals()
        summarised = _insert_summary(connection, segment_id, part, sum(astuple(pages)))
        if summarised is None:
            self.coarse.begin_anew()
            return segment_id, False
        return segment_id, self.coarse.add(connection, summarised)

    def unite_tails(self, connection: Connection, buffer: VmBuffer) -> None:
        """Write all of them as one: those that a writer left, of whatever levels."""
        tails = self._tails
        if len(tails) > 1:
            self._remove(connection, tails)
            part = buffer.part(tails[0].start, tails[-1].end)
            self._append_tail(connection, part, tails[-1].end, tails[0].number, level=0)

    def _append_tail(
        self, connection: Connection, part: Part, end: Position, number: int, level: int
    ) -> None:
        segment_id = _insert(connection, self.vm_id, number, part, is_tail=True)
        self._tails.append(Tail(segment_id, number, part.start, end, level))

    def _mergeable(self) -> list[Tail]:
        last = self._tails[-TAILS_PER_MERGE:]
        is_level = all(one.level == other.level for one, other in pairwise(last))
        return last if len(last) == TAILS_PER_MERGE and is_level else []

    def _remove(self, connection: Connection, tails: list[Tail]) -> None:
        if tails:
            ids = [tail.segment_id for tail in tails]
            connection.execute(delete(Segment).where(col(Segment.id).in_(ids)))
            self._tails = [tail for tail in self._tails if tail.segment_id not in set(ids)]

    def _take_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1


_SEGMENTS = SQLModel.metadata.tables["segment"]
_INSERT = insert(_SEGMENTS).returning(_SEGMENTS.c.id)
"""Built once: a statement costs more to build than to execute, and commits come in a rhythm."""


def _insert_summary(
    connection: Connection, segment_id: int, part: Part, pages: int
) -> Summarised | None:
    """None if the segment's cannot be stored."""
    times = part.times()
    summary = summarise_segment(part.changes, part.events, times, pages)
    if not summary.is_storable:
        return None
    cell_blob, timeline_blob = encode_summary(summary)
    shifts = summary.cells.quantum_shift, summary.cells.block_shift
    row = checksums.of_values(segment_id, *shifts)
    connection.execute(
        insert(Summary).values(
            segment_id=segment_id,
            quantum_shift=shifts[0],
            block_shift=shifts[1],
            cell_blob=cell_blob,
            timeline_blob=timeline_blob,
            cell_checksum=checksums.of_blob(cell_blob, row),
            timeline_checksum=checksums.of_blob(timeline_blob, row),
        )
    )
    return Summarised(
        id=segment_id,
        times=times,
        quantum_shift=shifts[0],
        timeline_shift=shifts[0],
        block_shift=shifts[1],
    )


def _insert(connection: Connection, vm_id: int, number: int, part: Part, *, is_tail: bool) -> int:
    first_t, last_t = part.times()
    first_gfn, end_gfn = part.gfns()
    values: dict[str, Any] = {
        "vm_id": vm_id,
        "number": number,
        "is_tail": is_tail,
        "first_seq": part.start.events,
        "event_count": len(part.events),
        "first_change": part.start.changes,
        "change_count": len(part.changes),
        "first_t": first_t,
        "last_t": last_t,
        "first_gfn": first_gfn,
        "end_gfn": end_gfn,
    }
    row = segment_row_checksum(values)
    events = encode_events(part.events, first_t)
    changes = encode_changes(part.changes, part.events, part.start.events, first_t)
    values |= {
        "event_blob": events,
        "change_blob": changes,
        "row_checksum": row,
        "event_checksum": checksums.of_blob(events, row),
        "change_checksum": checksums.of_blob(changes, row),
    }
    return int(connection.execute(_INSERT, values).scalar_one())
