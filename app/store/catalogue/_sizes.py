"""How much of the database each recording takes."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, literal, select
from sqlmodel import SQLModel, col

from app.store.errors import explained
from app.store.schema import (
    CoarseCells,
    CoarseSummary,
    GfnPartition,
    GuestMemfdRow,
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
    *(MemslotRow, GuestMemfdRow, Note, Vm, LossRow),
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
    """(recording, its rows, bytes of their blobs)."""
    columns = SQLModel.metadata.tables[str(table.__tablename__)].columns
    blobs = [column for column in columns if column.name.endswith("blob")]
    nbytes = func.sum(sum((func.length(blob) for blob in blobs), literal(0)))
    of = columns["recording_id"] if "recording_id" in columns else col(Vm.recording_id)
    query = select(of, func.count(), nbytes).select_from(table).group_by(of)
    if "partitioning_id" in columns:
        query = query.join(Partitioning, col(Partitioning.id) == columns["partitioning_id"])
    if "segment_id" in columns:
        query = query.join(Segment, col(Segment.id) == columns["segment_id"])
        query = query.join(Vm, col(Vm.id) == col(Segment.vm_id))
    elif {"coarse_summary_id", "partitioning_id"} & set(columns.keys()):
        part = (
            col(Partitioning.coarse_summary_id)
            if "partitioning_id" in columns
            else columns["coarse_summary_id"]
        )
        query = query.join(CoarseSummary, col(CoarseSummary.id) == part)
        query = query.join(Vm, col(Vm.id) == col(CoarseSummary.vm_id))
    elif "vm_id" in columns:
        query = query.join(Vm, col(Vm.id) == columns["vm_id"])
    if recording_id is not None:
        query = query.where(of == recording_id)
    return [(int(one), int(count), int(size)) for one, count, size in connection.execute(query)]
