"""What the database holds of a VM's history, as far as its writer needs it to go on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select
from sqlmodel import col

from app.model.events import CHANGE, EVENT, LIMIT, ChangeArray, EventArray, Window
from app.model.guest import Memslot
from app.model.pagemap import PageMap
from app.model.stats import FlipHistory
from app.store.errors import CannotGoOn
from app.store.schema import Segment
from app.store.segments import SegmentInfo, Segments
from app.store.write._segment_rows import Tail
from app.store.write._vm_buffer import Position


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """Up to its end. Events and changes are those of the tails, which are held again."""

    page_map: PageMap
    flips: FlipHistory
    memslots: tuple[Memslot, ...]  # that are alive
    sealed: Position
    events: EventArray
    changes: ChangeArray
    tails: tuple[Tail, ...]
    next_number: int
    events_since_keyframe: int  # in sealed segments


@dataclass(frozen=True, slots=True)
class _Row:
    info: SegmentInfo
    number: int
    is_tail: bool


def read_history(connection: Connection, segments: Segments, vm_id: int) -> StoredHistory:
    """Raises CannotGoOn or PartDamagedError if it is not what was stored."""
    rows = _rows(connection, segments, vm_id)
    memslots = tuple(segments.memslots(connection, vm_id, LIMIT))
    tails = tuple(_tail(row.info, row.number) for row in rows if row.is_tail)
    sealed = [row.info for row in rows if not row.is_tail]
    page_map, kept = _last_keyframe(connection, segments, vm_id, sealed)
    flips, held = FlipHistory(), [np.zeros(0, CHANGE)]
    for at, row in enumerate(rows):
        if row.info.is_expired and at < kept:
            continue  # which pages it flipped is no longer known
        changes = flips.mark(segments.columns(connection, row.info).changes_in(Window()))
        if row.is_tail:
            held.append(changes)
        if at >= kept:
            page_map.replay(changes)
    page_map.replay(held[0], memslots)
    events = [segments.events(connection, row.info) for row in rows if row.is_tail]
    return StoredHistory(
        page_map=page_map,
        flips=flips,
        memslots=memslots,
        sealed=tails[0].start if tails else _end(sealed[-1]) if sealed else Position(),
        events=np.concatenate([np.zeros(0, EVENT), *events]),
        changes=np.concatenate(held),
        tails=tails,
        next_number=rows[-1].number + 1 if rows else 0,
        events_since_keyframe=sum(info.event_count for info in sealed[kept:]),
    )


def _rows(connection: Connection, segments: Segments, vm_id: int) -> list[_Row]:
    columns = (col(Segment.id), col(Segment.number), col(Segment.is_tail))
    query = select(*columns).where(col(Segment.vm_id) == vm_id)
    kept = {row[0]: (row[1], row[2]) for row in connection.execute(query)}
    infos = segments.of_vm(connection, vm_id)
    if any(info.is_doubtful for info in infos):
        raise CannotGoOn(f"segments of VM {vm_id} are damaged")
    return [_Row(info, *kept[info.id]) for info in infos]


def _last_keyframe(
    connection: Connection, segments: Segments, vm_id: int, sealed: Sequence[SegmentInfo]
) -> tuple[PageMap, int]:
    """The last page map that was kept, and after how many segments; else that of the start."""
    for count in range(len(sealed), 0, -1):
        if sealed[count - 1].has_keyframe:
            return segments.keyframe(connection, vm_id, sealed[count - 1]), count
    return PageMap(segments.vm(connection, vm_id).start_state), 0


def _tail(info: SegmentInfo, number: int) -> Tail:
    return Tail(info.id, number, Position(info.first_seq, info.first_change), _end(info), level=0)


def _end(info: SegmentInfo) -> Position:
    return Position(info.first_seq + info.event_count, info.first_change + info.change_count)
