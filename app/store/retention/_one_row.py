"""Many segments that have expired become a single one, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlmodel import SQLModel, col

from app.store import checksums
from app.store.schema import CoarseSummary, Keyframe, Segment
from app.store.segments import (
    coarse_row_checksum,
    coarse_timeline_seed,
    segment_row_checksum,
)

_SEGMENTS = SQLModel.metadata.tables["segment"]
SegmentRow = Mapping[Any, Any]
"""Without its blobs."""
KeyframeRow = Row[list[int], bytes, int | None]


def become_one(
    connection: Connection, coarse_id: int | None, segments: Sequence[SegmentRow]
) -> None:
    """All segments that a coarse summary stands for (or any consecutive ones, without one), which
    are empty. Nothing is done if a row is not what was stored: its stretch is a loss."""
    if any(row["row_checksum"] not in (None, segment_row_checksum(row)) for row in segments):
        return
    around = _summaries_around(connection, segments)
    ids = [row["id"] for row in segments]
    keyframe = _sound_keyframe(connection, ids[-1])
    connection.execute(delete(Segment).where(col(Segment.id).in_(ids)))
    new_id = _insert(connection, segments)
    if keyframe is not None:
        _insert_keyframe(connection, new_id, keyframe)
    level = next((row.level for row in around if row.id == coarse_id), 0)
    for row in around:
        is_within = row.first_segment_id in ids and row.last_segment_id in ids
        if is_within and row.level < level:
            connection.execute(delete(CoarseSummary).where(col(CoarseSummary.id) == row.id))
        else:
            _stand_for(connection, row, ids, new_id)


def has_summaries(connection: Connection, segments: Sequence[SegmentRow]) -> bool:
    """Whether any coarse summary stands for one of some consecutive segments."""
    return bool(_summaries_around(connection, segments))


def forget_summaries(connection: Connection, segments: Sequence[SegmentRow]) -> None:
    """All coarse summaries that stand for one of some consecutive segments."""
    ids = [row.id for row in _summaries_around(connection, segments)]
    connection.execute(delete(CoarseSummary).where(col(CoarseSummary.id).in_(ids)))


def _insert(connection: Connection, segments: Sequence[SegmentRow]) -> int:
    values = dict(segments[0]) | {
        "is_tail": False,
        "event_count": sum(row["event_count"] for row in segments),
        "change_count": sum(row["change_count"] for row in segments),
        "first_t": min(row["first_t"] for row in segments),
        "last_t": max(row["last_t"] for row in segments),
        "first_gfn": min(row["first_gfn"] for row in segments),
        "end_gfn": max(row["end_gfn"] for row in segments),
    }
    del values["id"]
    checksum = segment_row_checksum(values)
    empty = checksums.of_blob(b"", checksum)
    values |= {"event_blob": b"", "change_blob": b"", "row_checksum": checksum}
    values |= {"event_checksum": empty, "change_checksum": empty}
    made = connection.execute(insert(_SEGMENTS).returning(_SEGMENTS.c.id), values)
    return int(made.scalar_one())


def _sound_keyframe(
    connection: Connection, segment_id: int
) -> Row[list[int], bytes, int | None] | None:
    """The map after a segment, if there is one and it is what was stored."""
    query = select(col(Keyframe.memslot_ids), col(Keyframe.blob), col(Keyframe.checksum))
    row = connection.execute(query.where(col(Keyframe.segment_id) == segment_id)).one_or_none()
    if row is None:
        return None
    seed = None if row.checksum is None else checksums.of_values(segment_id, row.memslot_ids)
    return row if checksums.is_sound(row.blob, seed, row.checksum) else None


def _insert_keyframe(
    connection: Connection, segment_id: int, keyframe: Row[list[int], bytes, int | None]
) -> None:
    seed = checksums.of_values(segment_id, keyframe.memslot_ids)
    connection.execute(
        insert(Keyframe).values(
            segment_id=segment_id,
            memslot_ids=keyframe.memslot_ids,
            blob=keyframe.blob,
            checksum=checksums.of_blob(keyframe.blob, seed),
        )
    )


def _summaries_around(connection: Connection, segments: Sequence[SegmentRow]) -> Sequence[Row[Any]]:
    """Those that stand for any of some consecutive segments."""
    first, last = _SEGMENTS.alias(), _SEGMENTS.alias()
    query = (
        select(*SQLModel.metadata.tables["coarse_summary"].columns)
        .join(first, first.c.id == col(CoarseSummary.first_segment_id))
        .join(last, last.c.id == col(CoarseSummary.last_segment_id))
        .where(col(CoarseSummary.vm_id) == segments[0]["vm_id"])
        .where(first.c.number <= segments[-1]["number"], last.c.number >= segments[0]["number"])
    )
    return connection.execute(query).all()


def _stand_for(connection: Connection, row: Row[Any], ids: Sequence[int], new_id: int) -> None:
    """Let a coarse summary stand for one segment in place of many. One that is not what was stored
    goes."""
    this = col(CoarseSummary.id) == row.id
    seed = coarse_timeline_seed(row.row_checksum, row.timeline_shift)
    is_sound = row.row_checksum == coarse_row_checksum(row._mapping)
    if not (is_sound and checksums.is_sound(row.timeline_blob, seed, row.timeline_checksum)):
        connection.execute(delete(CoarseSummary).where(this))
        return
    first, last = (
        new_id if one in ids else one for one in (row.first_segment_id, row.last_segment_id)
    )
    values = {
        "first_segment_id": first,
        "last_segment_id": last,
        "segments": row.segments - len(ids) + 1,
    }
    checksum = coarse_row_checksum(dict(row._mapping) | values)
    seed = coarse_timeline_seed(checksum, row.timeline_shift)
    values |= {"row_checksum": checksum}
    values |= {"timeline_checksum": checksums.of_blob(row.timeline_blob, seed)}
    connection.execute(update(CoarseSummary).where(this).values(**values))
