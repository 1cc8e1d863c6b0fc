"""How much of the database each recording takes."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Engine, func, literal, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import SQLModel

from app.store.errors import explained
from app.store.schema import (
    Chapter,
    CoarseCells,
    CoarseSummary,
    GfnPartition,
    GuestMemfdRow,
    KeptStorm,
    Keyframe,
    LossRow,
    MemslotRow,
    Note,
    Partitioning,
    Segment,
    Summary,
    Vm,
)

TABLES: tuple[type[SQLModel], ...] = (
    *(Segment, Keyframe, Summary, CoarseSummary, CoarseCells, Partitioning, GfnPartition),
    *(MemslotRow, GuestMemfdRow, Note, KeptStorm, Vm, LossRow, Chapter),
)
"""All that hold a recording, but the one with a row for each."""


@dataclass(frozen=True, slots=True)
class StoredSize:
    """What a recording takes, as far as it is stored."""

    segments: int = 0
    segment_bytes: int = 0  # of their events and changes, page maps and summaries
    notes: int = 0
    rows: int = 0  # of all tables, the recording's own included


def stored_sizes(engine: Engine, recording_id: int | None = None) -> dict[int, StoredSize]:
    """By recording; of one, or of all that hold anything. No blob is read for it."""
    rows: dict[int, int] = {}
    sizes: dict[int, int] = {}
    counts: dict[type[SQLModel], dict[int, int]] = {}
    with explained(str(engine.url.database)), engine.connect() as connection:
        for table in TABLES:
            for recording, count, nbytes in _of_table(connection, table, recording_id):
                rows[recording] = rows.get(recording, 1) + count
                sizes[recording] = sizes.get(recording, 0) + nbytes
                counts.setdefault(table, {})[recording] = count
    return {
        recording: StoredSize(
            segments=counts.get(Segment, {}).get(recording, 0),
            segment_bytes=sizes[recording],
            notes=counts.get(Note, {}).get(recording, 0),
            rows=count,
        )
        for recording, count in rows.items()
    }


def _of_table(
    connection: Connection, table: type[SQLModel], recording_id: int | None
) -> list[tuple[int, int, int]]:
    """(recording, its rows, bytes of their blobs).

    Rows are added up by what they belong to, in the order of an index: to sort them, SQLite would
    read the blobs.
    """
    columns = SQLModel.metadata.tables[str(table.__tablename__)].columns
    blobs = [column for column in columns if column.name.endswith("blob")]
    nbytes = func.sum(sum((func.length(blob) for blob in blobs), literal(0)))
    owner = _owner_in(columns)
    added = select(columns[owner], func.count().label("rows"), nbytes.label("bytes"))
    sums = added.group_by(columns[owner]).subquery()
    query, of = select(func.sum(sums.c.rows), func.sum(sums.c.bytes)), sums.c[owner]
    while owner in _OWNERS:
        of_owner = SQLModel.metadata.tables[_OWNERS[owner]].columns
        query = query.join_from(of.table, of_owner.id.table, of_owner.id == of)
        owner = _owner_in(of_owner)
        of = of_owner[owner]
    query = query.add_columns(of).group_by(of)
    if recording_id is not None:
        query = query.where(of == recording_id)
    found = (tuple(row) for row in connection.execute(query))
    return [(int(one), int(count), int(size)) for count, size, one in found]


_OWNERS = {
    "partitioning_id": "partitioning",
    "coarse_summary_id": "coarse_summary",
    "segment_id": "segment",
    "vm_id": "vm",
}
"""By the column that names it, whose rows are a recording's by way of others."""


def _owner_in(columns: ReadOnlyColumnCollection[str, Column[Any]]) -> str:
    return next(name for name in (*_OWNERS, "recording_id") if name in columns)
