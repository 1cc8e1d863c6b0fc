"""Partitions of sealed segments, which narrow windows of long times are read from.

They are written with the coarse summary of the same segments, in the transaction that seals the
last of these, from what the database holds.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain

from sqlalchemy import Connection, insert, select, update
from sqlmodel import SQLModel, col

from app.store import checksums
from app.store.codecs import Partition, SegmentBlobs, encode_directory, partitioned
from app.store.schema import GfnPartition, Segment

_PARTITIONINGS = SQLModel.metadata.tables["partitioning"]
_INSERT = insert(_PARTITIONINGS).returning(_PARTITIONINGS.c.id)


def write_partitions(
    connection: Connection, coarse_summary_id: int, segment_ids: Sequence[int]
) -> None:
    """Nothing is written if a segment is not what was stored: all are read by themselves then."""
    counts = select(col(Segment.event_count)).where(col(Segment.id).in_(segment_ids))
    events = sum(connection.execute(counts).scalars())
    made = partitioned(len(segment_ids), events, partial(_read, connection, segment_ids))
    try:
        first = next(made)  # all segments have been read
    except ValueError:
        return
    _insert(connection, coarse_summary_id, chain([first], made))


def _read(connection: Connection, segment_ids: Sequence[int], place: int) -> SegmentBlobs:
    """Raises ValueError if it is not what was stored."""
    query = select(Segment).where(col(Segment.id) == segment_ids[place])
    row = connection.execute(query).one()
    for blob, checksum in (
        (row.event_blob, row.event_checksum),
        (row.change_blob, row.change_checksum),
    ):
        if not checksums.is_sound(blob, row.row_checksum, checksum):
            raise ValueError("a segment is damaged")
    return SegmentBlobs(
        row.first_seq, row.first_change, row.first_t, row.event_blob, row.change_blob
    )


def _insert(
    connection: Connection, coarse_summary_id: int, partitions: Iterable[Partition]
) -> None:
    values = {"coarse_summary_id": coarse_summary_id, "partitions": 0, "directory_blob": b""}
    row_id = connection.execute(
        _INSERT, values | {"row_checksum": 0, "directory_checksum": 0}
    ).scalar_one()
    directory = []
    for number, one in enumerate(partitions):
        directory.append((one.first_gfn, one.events, one.changes))
        if one.events or one.changes:
            seed = checksums.of_values(row_id, number)
            connection.execute(
                insert(GfnPartition).values(
                    partitioning_id=row_id,
                    number=number,
                    event_blob=one.event_blob,
                    change_blob=one.change_blob,
                    row_checksum=seed,
                    event_checksum=checksums.of_blob(one.event_blob, seed),
                    change_checksum=checksums.of_blob(one.change_blob, seed),
                )
            )
    seed, blob = checksums.of_values(coarse_summary_id, len(directory)), encode_directory(directory)
    connection.execute(
        update(_PARTITIONINGS)
        .where(_PARTITIONINGS.c.id == row_id)
        .values(
            partitions=len(directory),
            directory_blob=blob,
            row_checksum=seed,
            directory_checksum=checksums.of_blob(blob, seed),
        )
    )
