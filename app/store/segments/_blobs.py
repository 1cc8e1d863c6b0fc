"""Blobs of segments as they were stored, or PartDamagedError: nothing else is decoded."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Connection, Executable, Row, select
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from app.store.checksums import (
    CELLS,
    COARSE,
    KEYFRAME,
    PARTITION,
    SEGMENT,
    TIMELINE,
    PartDamagedError,
    is_sound,
    of_values as checksum_of,
)
from app.store.schema import CoarseCells, CoarseSummary, GfnPartition, Keyframe, Segment, Summary
from app.store.segments._coarse import CoarseInfo, TileInfo, coarse_timeline_seed
from app.store.segments._infos import SegmentInfo


class Stored(Protocol):
    """A segment or a coarse summary: whose blobs they are."""

    @property
    def vm_id(self) -> int: ...
    @property
    def id(self) -> int: ...


Blobs = tuple[bytes, bytes]
"""Of a segment's events and of their changes."""

_UNREADABLE = (
    *(ValueError, LookupError, ArithmeticError, TypeError, OSError, MemoryError),
    *(struct.error, pa.ArrowException),
)
"""What decoders end in that are given bytes which they did not write."""


@contextmanager
def decoding(owner: Stored, part: str) -> Iterator[None]:
    """Turn what decoding damaged bytes ends in into PartDamagedError."""
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system, not of what was stored; Arrow's have no number
        raise PartDamagedError(owner.vm_id, owner.id, part) from error


def read_blobs(connection: Connection, info: SegmentInfo) -> Blobs:
    query = select(
        col(Segment.row_checksum),
        col(Segment.event_blob),
        col(Segment.event_checksum),
        col(Segment.change_blob),
        col(Segment.change_checksum),
    )
    row = _read(connection, query.where(col(Segment.id) == info.id), info, SEGMENT)
    _check(row.event_blob, row.row_checksum, row.event_checksum, info, SEGMENT)
    _check(row.change_blob, row.row_checksum, row.change_checksum, info, SEGMENT)
    return row.event_blob, row.change_blob


def read_event_blob(connection: Connection, info: SegmentInfo) -> bytes:
    query = select(col(Segment.row_checksum), col(Segment.event_blob), col(Segment.event_checksum))
    row = _read(connection, query.where(col(Segment.id) == info.id), info, SEGMENT)
    return _check(row.event_blob, row.row_checksum, row.event_checksum, info, SEGMENT)


def read_keyframe(connection: Connection, info: SegmentInfo) -> tuple[list[int], bytes]:
    """The row ids of the memslots alive then, and the page map."""
    query = select(col(Keyframe.memslot_ids), col(Keyframe.blob), col(Keyframe.checksum))
    row = _read(connection, query.where(col(Keyframe.segment_id) == info.id), info, KEYFRAME)
    seed = None if row.checksum is None else checksum_of(info.id, row.memslot_ids)
    return row.memslot_ids, _check(row.blob, seed, row.checksum, info, KEYFRAME)


def read_cells(connection: Connection, info: SegmentInfo) -> tuple[bytes, int, int]:
    """With the shifts of quanta and blocks."""
    return _read_summary(connection, info, CELLS, Summary.cell_blob, Summary.cell_checksum)


def read_timeline(connection: Connection, info: SegmentInfo) -> tuple[bytes, int]:
    """With the shift of quanta."""
    columns = (Summary.timeline_blob, Summary.timeline_checksum)
    blob, quantum_shift, _ = _read_summary(connection, info, TIMELINE, *columns)
    return blob, quantum_shift


def _read_summary(
    connection: Connection, info: SegmentInfo, part: str, blob: bytes, checksum: int | None
) -> tuple[bytes, int, int]:
    """One of the blobs of a summary, by its columns, and the shifts of quanta and blocks."""
    query = select(
        col(Summary.quantum_shift), col(Summary.block_shift), col(blob), col(checksum)
    ).where(col(Summary.segment_id) == info.id)
    quantum_shift, block_shift, stored, its_checksum = tuple(_read(connection, query, info, part))
    seed = None if its_checksum is None else checksum_of(info.id, quantum_shift, block_shift)
    return _check(stored, seed, its_checksum, info, part), quantum_shift, block_shift


def read_coarse_timeline(connection: Connection, one: CoarseInfo) -> bytes:
    query = select(
        col(CoarseSummary.row_checksum),
        col(CoarseSummary.timeline_shift),
        col(CoarseSummary.timeline_blob),
        col(CoarseSummary.timeline_checksum),
    ).where(col(CoarseSummary.id) == one.id)
    row_checksum, shift, blob, checksum = tuple(_read(connection, query, one, COARSE))
    return _check(blob, coarse_timeline_seed(row_checksum, shift), checksum, one, COARSE)


def read_tile(connection: Connection, one: CoarseInfo, tile: TileInfo) -> bytes:
    query = select(
        col(CoarseCells.row_checksum), col(CoarseCells.blob), col(CoarseCells.checksum)
    ).where(col(CoarseCells.id) == tile.id)
    seed, blob, checksum = tuple(_read(connection, query, one, COARSE))
    return _check(blob, seed, checksum, one, COARSE)


def read_partition(connection: Connection, owner: Stored, number: int) -> Blobs:
    """`owner`: the partitioning."""
    query = select(
        col(GfnPartition.event_blob),
        col(GfnPartition.event_checksum),
        col(GfnPartition.change_blob),
        col(GfnPartition.change_checksum),
    ).where(col(GfnPartition.partitioning_id) == owner.id, col(GfnPartition.number) == number)
    events, event_sum, changes, change_sum = tuple(_read(connection, query, owner, PARTITION))
    seed = checksum_of(owner.id, number)
    _check(events, seed, event_sum, owner, PARTITION)
    return events, _check(changes, seed, change_sum, owner, PARTITION)


def _check(
    blob: bytes, row_checksum: int | None, checksum: int | None, owner: Stored, part: str
) -> bytes:
    if not is_sound(blob, row_checksum, checksum):
        raise PartDamagedError(owner.vm_id, owner.id, part)
    return blob


def _read(connection: Connection, query: Executable, owner: Stored, part: str) -> Row[Any]:
    try:
        with decoding(owner, part):
            row: Row[Any] | None = connection.execute(query).one_or_none()
    except DBAPIError as error:
        if "malformed" not in str(error.orig):
            raise
        row = None
    if row is None:
        raise PartDamagedError(owner.vm_id, owner.id, part)
    return row
