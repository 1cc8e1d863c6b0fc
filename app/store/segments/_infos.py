"""What is known of a VM's segments without their blobs: enough to find those that matter."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlmodel import SQLModel, col

from app.model.events import LIMIT, Window
from app.model.guest import EventKind
from app.model.stats import EventFilter
from app.store import checksums
from app.store.checksums import CELLS, EXPIRED, KEYFRAME, SEGMENT, TIMELINE
from app.store.codecs import are_shifts
from app.store.schema import WITH_FAULTS, Keyframe, Segment, Summary, Vm

Damage = frozenset[tuple[str, int]]
"""Parts of a VM's segments that are damaged, each with the segment's row id."""
NO_DAMAGE: Damage = frozenset()


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment's row without its blobs."""

    vm_id: int
    id: int  # negative: its row is missing
    first_seq: int
    event_count: int
    first_change: int
    change_count: int
    first_t: int
    last_t: int
    first_gfn: int
    end_gfn: int
    has_keyframe: bool
    quantum_shift: int | None  # of its summary, if it has one
    block_shift: int | None
    is_expired: bool = False
    """Its events and changes are no longer kept (app.store.retention)."""
    damage: Damage = NO_DAMAGE
    """Of the VM, if the changes are not taken as they were stored (app.store.segments); with what
    expired since the last map before."""

    def meets(self, window: Window) -> bool:
        """False if certainly nothing of it lies in the window."""
        is_then = self.first_t < window.t_to and self.last_t >= window.t_from
        is_there = self.first_gfn < window.gfn_to and self.end_gfn > window.gfn_from
        return is_then and (is_there or window.is_all_gfns)

    def may_hold(self, where: EventFilter) -> bool:
        """False if certainly no event of it lies in a memslot that the filter asks for."""
        return where.lives is None or any(
            life.from_t <= self.last_t and life.to_t > self.first_t for life in where.lives
        )

    @property
    def timeline_shift(self) -> int | None:
        """Of the quanta of its timeline: as of its cells."""
        return self.quantum_shift

    @property
    def is_lost(self) -> bool:
        """Nothing of it can be read: its stretch is a loss."""
        return (SEGMENT, self.id) in self.damage

    @property
    def is_doubtful(self) -> bool:
        """Whether changes are not taken as they were stored because of damage."""
        return any(part != EXPIRED for part, _ in self.damage)


def read_infos(connection: Connection, vm_id: int, damage: Damage) -> tuple[SegmentInfo, ...]:
    """All segments of a VM in order. What damage took away is there as a stretch that is lost."""
    infos = stored_infos(connection, vm_id, damage)
    return tuple(_doubtful(infos, damage | {(SEGMENT, info.id) for info in infos if info.id < 0}))


def stored_infos(connection: Connection, vm_id: int, damage: Damage) -> list[SegmentInfo]:
    """As `read_infos`, whatever damage means for those that are whole themselves."""
    rows = connection.execute(_query(vm_id)).mappings().all()
    infos = [_info(row, damage) for row in rows if _is_sound(row)]
    if not rows or any(row["row_checksum"] is not None for row in rows):
        infos = list(_complete(connection, vm_id, infos, is_cut=len(infos) < len(rows)))
    if not _has_full_summaries(connection, vm_id):
        infos = [replace(info, quantum_shift=None, block_shift=None) for info in infos]
    return infos


_COPIED = (
    *("vm_id", "id", "first_seq", "event_count", "first_change", "change_count"),
    *("first_t", "last_t", "first_gfn", "end_gfn", "has_keyframe", "quantum_shift", "block_shift"),
)


def _query(vm_id: int) -> Select[Any]:
    blobs = ("event_blob", "change_blob", "event_checksum", "change_checksum")
    columns = SQLModel.metadata.tables["segment"].columns
    return (
        select(
            *(column for column in columns if column.name not in blobs),
            (func.length(col(Segment.event_blob)) == 0).label("is_empty"),
            col(Segment.event_checksum),
            col(Keyframe.segment_id).is_not(None).label("has_keyframe"),
            col(Summary.quantum_shift),
            col(Summary.block_shift),
        )
        .outerjoin(Keyframe, col(Keyframe.segment_id) == col(Segment.id))
        .outerjoin(Summary, col(Summary.segment_id) == col(Segment.id))
        .where(col(Segment.vm_id) == vm_id)
        .order_by(col(Segment.number))
    )


def _is_sound(row: Mapping[Any, Any]) -> bool:
    """Whether a segment's bounds are what was stored, as far as can be checked."""
    return row["row_checksum"] in (None, segment_row_checksum(row))


def _info(row: Mapping[Any, Any], damage: Damage) -> SegmentInfo:
    info = SegmentInfo(**{name: row[name] for name in _COPIED}, is_expired=_is_expired(row))
    shifts = info.quantum_shift, info.block_shift
    is_damaged = (CELLS, info.id) in damage or (TIMELINE, info.id) in damage
    if is_damaged or not are_shifts(*shifts):
        info = replace(info, quantum_shift=None, block_shift=None)
    if (KEYFRAME, info.id) in damage:
        info = replace(info, has_keyframe=False)
    return info


def _is_expired(row: Mapping[Any, Any]) -> bool:
    """Whether its blobs were emptied, and not by damage."""
    return bool(row["is_empty"]) and checksums.is_sound(
        b"", row["row_checksum"], row["event_checksum"]
    )


def _complete(
    connection: Connection, vm_id: int, infos: list[SegmentInfo], *, is_cut: bool
) -> Iterator[SegmentInfo]:
    """With what stands for rows that are missing. `is_cut`: a row was left out, be it the last."""
    query = select(col(Vm.events), col(Vm.last_t)).where(col(Vm.id) == vm_id)
    events, last_t = connection.execute(query).one()
    reached = _lost(vm_id, (0, 0), (0, 0), (0, 0))
    for info in infos:
        if info.first_seq > _end(reached)[0] or info.first_change > _end(reached)[1]:
            start, end = _end(reached), (info.first_seq, info.first_change)
            yield _lost(vm_id, start, end, (reached.last_t, info.first_t))
            is_cut = False
        yield info
        reached = info
    seq, change = _end(reached)
    if events > seq or is_cut:
        yield _lost(vm_id, (seq, change), (max(events, seq), change), (reached.last_t, last_t))


def _end(info: SegmentInfo) -> tuple[int, int]:
    return info.first_seq + info.event_count, info.first_change + info.change_count


def _lost(
    vm_id: int, start: tuple[int, int], end: tuple[int, int], times: tuple[int, int]
) -> SegmentInfo:
    """A stretch without a row, between two places in the VM's events and changes."""
    return SegmentInfo(
        vm_id=vm_id,
        id=-1 - start[0] - start[1],
        first_seq=start[0],
        event_count=end[0] - start[0],
        first_change=start[1],
        change_count=max(end[1] - start[1], 0),
        first_t=times[0],
        last_t=max(times),
        first_gfn=0,
        end_gfn=LIMIT,
        has_keyframe=False,
        quantum_shift=None,
        block_shift=None,
    )


def _doubtful(infos: list[SegmentInfo], damage: Damage) -> Iterator[SegmentInfo]:
    """From what is lost or expired to the next map that was kept, changes are not what was
    stored."""
    story = NO_DAMAGE
    for info in infos:
        if (SEGMENT, info.id) in damage:
            story |= damage
        elif info.is_expired:
            story |= {(EXPIRED, info.id)}
        if not story:
            yield info
            continue
        yield replace(
            info,
            damage=story,
            quantum_shift=None,
            block_shift=None,
            first_gfn=0,
            end_gfn=LIMIT,
        )
        if info.has_keyframe:
            story = NO_DAMAGE


def _has_full_summaries(connection: Connection, vm_id: int) -> bool:
    """False if summaries leave out page faults although there are some: they are not used then."""
    query = select(col(Vm.edition), col(Vm.events_by_kind)).where(col(Vm.id) == vm_id)
    edition, kinds = connection.execute(query).one()
    return bool(edition >= WITH_FAULTS or EventKind.PAGE_FAULT.name.lower() not in kinds)


_SUMMED = (
    *("vm_id", "number", "is_tail", "first_seq", "event_count", "first_change", "change_count"),
    *("first_t", "last_t", "first_gfn", "end_gfn"),
)
"""For ever: a later column needs a checksum of its own."""


def segment_row_checksum(row: Mapping[str, Any]) -> int:
    return checksums.of_values(*(int(row[name]) for name in _SUMMED))
