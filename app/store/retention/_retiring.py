"""Taking the detail of a group of segments, in short transactions.

The events regrouped by gfn go first, then the segments are emptied one by one; readers show what is
left. At last the empty ones become a single row, and the coarse summaries stand for that one.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select, update
from sqlmodel import SQLModel, col

from app.store import checksums
from app.store.database import Pace, immediate, kept_as_changed, paced
from app.store.errors import explained
from app.store.retention._groups import Group
from app.store.retention._one_row import (
    SegmentRow,
    become_one,
    forget_summaries,
    has_summaries,
)
from app.store.schema import GfnPartition, Keyframe, Partitioning, Segment, Summary

_PARTITIONS = SQLModel.metadata.tables["gfn_partition"]


def retire_steps(engine: Engine, group: Group) -> Iterator[None]:
    """Take the detail of a group, or the finer cells of one whose segments have expired. A step is
    a transaction and the rest after it: half of the time is for others."""
    with explained(str(engine.url.database)):
        yield from _take_partitions(engine, group)
        for segment_id in _with_detail(engine, group):
            paced(Pace(), partial(_empty, engine, group, segment_id))
            yield
        if group.segments > 1:
            paced(Pace(), partial(_merge, engine, group))
            yield


def forget_cells(engine: Engine, group: Group) -> None:
    """Let nothing be known of an expired segment but that it was there; one before it of which
    nothing is known either becomes one with it."""
    with explained(str(engine.url.database)), immediate(engine).begin() as connection:
        rows = _rows(connection, *_of_group(group))
        if len(rows) != 1:  # its recording was deleted
            return
        forget_summaries(connection, rows)
        is_before = col(Segment.number) < group.numbers[0], col(Segment.vm_id) == group.vm_id
        last = connection.execute(select(func.max(col(Segment.number))).where(*is_before))
        before = _rows(
            connection,
            col(Segment.vm_id) == group.vm_id,
            col(Segment.number) == last.scalar_one(),
            col(Segment.event_blob) == b"",
        )
        if before and not has_summaries(connection, before):
            become_one(connection, None, [*before, *rows])
        kept_as_changed(connection, group.vm_id)


def _of_group(group: Group) -> tuple[Any, ...]:
    return col(Segment.vm_id) == group.vm_id, col(Segment.number).between(*group.numbers)


def _take_partitions(engine: Engine, group: Group) -> Iterator[None]:
    """Their directory goes first: without one, segments are read."""
    with immediate(engine).begin() as connection:
        query = select(col(Partitioning.id)).where(
            col(Partitioning.coarse_summary_id) == group.coarse_id
        )
        ids = list(connection.execute(query).scalars())
        unused = update(Partitioning).where(col(Partitioning.id).in_(ids))
        connection.execute(unused.values(partitions=0, directory_blob=b""))
    pace = Pace()
    for partitioning_id in ids:
        while paced(pace, partial(_take_some, engine, partitioning_id, pace)):
            yield
        with immediate(engine).begin() as connection:
            connection.execute(delete(Partitioning).where(col(Partitioning.id) == partitioning_id))


def _take_some(engine: Engine, partitioning_id: int, pace: Pace) -> int:
    """Returns how many there were."""
    query = select(col(GfnPartition.id)).where(col(GfnPartition.partitioning_id) == partitioning_id)
    with immediate(engine).begin() as connection:
        ids = list(connection.execute(query.limit(pace.rows)).scalars())
        connection.execute(delete(GfnPartition).where(_PARTITIONS.c.id.in_(ids)))
    return len(ids)


def _with_detail(engine: Engine, group: Group) -> Sequence[int]:
    query = select(col(Segment.id)).where(*_of_group(group), col(Segment.event_blob) != b"")
    with engine.connect() as connection:
        return list(connection.execute(query.order_by(col(Segment.number))).scalars())


def _empty(engine: Engine, group: Group, segment_id: int) -> None:
    this = col(Segment.id) == segment_id
    with immediate(engine).begin() as connection:
        query = select(col(Segment.row_checksum), col(Segment.number)).where(this)
        row = connection.execute(query).one_or_none()
        if row is None:  # its recording was deleted
            return
        checksum = None
        if row.row_checksum is not None:
            checksum = checksums.of_blob(b"", row.row_checksum)
        sums = {"event_checksum": checksum, "change_checksum": checksum}
        values = {"event_blob": b"", "change_blob": b"", "is_tail": False} | sums
        connection.execute(update(Segment).where(this).values(**values))
        connection.execute(delete(Summary).where(col(Summary.segment_id) == segment_id))
        if row.number != group.numbers[1]:
            connection.execute(delete(Keyframe).where(col(Keyframe.segment_id) == segment_id))
        kept_as_changed(connection, group.vm_id)


def _merge(engine: Engine, group: Group) -> None:
    with immediate(engine).begin() as connection:
        rows = _rows(connection, *_of_group(group))
        if len(rows) == group.segments:
            become_one(connection, group.coarse_id, rows)
            kept_as_changed(connection, group.vm_id)


def _rows(connection: Connection, *which: ColumnElement[bool]) -> Sequence[SegmentRow]:
    columns = SQLModel.metadata.tables["segment"].columns
    blobs = ("event_blob", "change_blob", "event_checksum", "change_checksum")
    query = select(*(column for column in columns if column.name not in blobs))
    return connection.execute(query.where(*which).order_by(columns.number)).mappings().all()
