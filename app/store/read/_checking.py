"""Reading all of a database to find what is damaged in it; nothing is changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, func, select
from sqlmodel import Session, col

from app.model.raster import ChurnSums, RasterSums
from app.store.catalogue import decoding_rows, is_sound_storm, note_checksum
from app.store.checksums import (
    CELLS,
    COARSE,
    KEYFRAME,
    PARTITION,
    SEGMENT,
    TIMELINE,
    PartDamagedError,
    is_sound,
)
from app.store.database import (
    GUEST_MEMFDS,
    LOSSES,
    MEMSLOTS,
    RECORDINGS,
    VMS,
    SealChecks,
    kept_checksum,
    snapshot,
    vm_ids,
    what,
)
from app.store.errors import StoreError, explained
from app.store.read._coarse_checking import wrong_coarse
from app.store.read._partition_checking import wrong_partitions
from app.store.schema import KeptStorm, Note, Recording, RecordingState, Segment
from app.store.segments import (
    NO_DAMAGE,
    ByteCache,
    Pyramids,
    SegmentInfo,
    Segments,
    stored_infos,
)

EVENTS, CHANGES = "events", "changes"
"""A segment's blobs: it is set aside as a whole."""
ROWS, NOTE, FILE = "rows", "note", "file"
"""What can be damaged besides parts of segments."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not what was stored, and what that costs."""

    part: str
    says: str
    recording: int | None = None
    vm: int | None = None
    segment: int | None = None
    from_t: int | None = None  # ns since the recording's start
    to_t: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """`unchecked`: stored by a gmemscope that kept no checksums, or still being recorded."""

    findings: tuple[Finding, ...]
    recordings: int
    segments: int
    unchecked_recordings: int
    unchecked_segments: int


def check(engine: Engine) -> Checked:
    """Raises StoreError if the database cannot be read at all."""
    with explained(str(engine.url.database)), snapshot(engine) as connection:
        query = select(col(Recording.id)).where(col(Recording.state) != RecordingState.DELETING)
        recordings = list(connection.execute(query).scalars())
        findings = list(_of_file(connection))
        for recording_id in recordings:
            findings += _attempt(connection, recording_id)
        segments, summed = connection.execute(
            select(func.count(), func.count(col(Segment.row_checksum))).select_from(Segment)
        ).one()
        sealed = [one for one in recordings if kept_checksum(connection, RECORDINGS, one)]
        return Checked(
            tuple(findings),
            len(recordings),
            segments,
            len(recordings) - len(sealed),
            segments - summed,
        )


def _attempt(connection: Connection, recording_id: int) -> list[Finding]:
    found: list[Finding] = []
    try:
        with explained(str(connection.engine.url.database)):
            found.extend(_of_recording(connection, recording_id))
    except StoreError as error:
        found.append(Finding(FILE, str(error), recording_id))
    return found


def _of_file(connection: Connection) -> Iterator[Finding]:
    """What SQLite itself finds."""
    if connection.dialect.name != "sqlite":
        return
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if line != "ok":
            yield Finding(FILE, f"integrity_check: {line}")
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Finding(FILE, f"foreign_key_check: row {row} of {table} belongs to no {parent}")


def _of_recording(connection: Connection, recording_id: int) -> Iterator[Finding]:
    checks, unkept = SealChecks(), ByteCache(0)
    segments = Segments(unkept, SealChecks())
    pyramids = Pyramids(segments, unkept)
    for table in (RECORDINGS, LOSSES):
        if not checks.is_sound(connection, table, recording_id):
            yield _rows(table, recording_id, recording_id, None)
    for vm_id in vm_ids(connection, recording_id):
        for table in (VMS, MEMSLOTS, GUEST_MEMFDS):
            if not checks.is_sound(connection, table, vm_id):
                yield _rows(table, vm_id, recording_id, vm_id)
        yield from _of_notes(connection, recording_id, vm_id)
        yield from _of_storms(connection, recording_id, vm_id)
        infos = stored_infos(connection, vm_id, NO_DAMAGE)
        for info in infos:
            yield from _of_segment(connection, segments, recording_id, info)
        for found in wrong_coarse(connection, segments, pyramids, infos):
            costs = f"a coarse summary is not used, nothing is lost: {found.says}"
            yield Finding(COARSE, costs, recording_id, vm_id)
        for says in wrong_partitions(connection, pyramids, infos):
            costs = f"segments are read instead, nothing is lost: {says}"
            yield Finding(PARTITION, costs, recording_id, vm_id)


def _rows(table: str, key: int, recording_id: int, vm_id: int | None) -> Finding:
    return Finding(ROWS, f"{what(table, key)} are not what was stored", recording_id, vm_id)


def _of_notes(connection: Connection, recording_id: int, vm_id: int) -> Iterator[Finding]:
    with decoding_rows(f"the notes of VM {vm_id}"):
        notes = connection.execute(select(Note).where(col(Note.vm_id) == vm_id)).mappings().all()
    for note in notes:
        if note["checksum"] not in (None, note_checksum(vm_id, dict(note))):
            yield Finding(NOTE, f"note {note['id']} is not what was written", recording_id, vm_id)


def _of_storms(connection: Connection, recording_id: int, vm_id: int) -> Iterator[Finding]:
    with Session(connection) as session:
        rows = (
            session.execute(select(KeptStorm).where(col(KeptStorm.vm_id) == vm_id)).scalars().all()
        )
    for row in rows:
        if not is_sound_storm(row):
            says = f"storm {row.storm_id}, whose events may be gone, is not what was written down"
            yield Finding(ROWS, says, recording_id, vm_id, None, row.from_t, row.to_t)


def _of_segment(
    connection: Connection, segments: Segments, recording_id: int, info: SegmentInfo
) -> Iterator[Finding]:
    place = (recording_id, info.vm_id, info.id, info.first_t, info.last_t)
    if info.id < 0:
        lost = f"{info.event_count:,} events are lost with the row of their segment"
        yield Finding(SEGMENT, lost, *place[:2], None, *place[3:])
        return
    if info.is_expired and not _has_no_changes(connection, info):
        yield Finding(SEGMENT, "its events have expired, and its changes have not", *place)
    for part, read, costs in _parts(connection, segments, replace(info, damage=NO_DAMAGE)):
        try:
            read()
        except PartDamagedError:
            yield Finding(part, costs, *place)
        except StoreError as error:
            yield Finding(part, str(error), *place)


def _is_readable(read: Callable[[], object]) -> bool:
    try:
        read()
    except PartDamagedError:
        return False
    return True


def _has_no_changes(connection: Connection, info: SegmentInfo) -> bool:
    columns = col(Segment.row_checksum), col(Segment.change_blob), col(Segment.change_checksum)
    row = connection.execute(select(*columns).where(col(Segment.id) == info.id)).one()
    empty = len(row.change_blob) == 0
    return empty and is_sound(row.change_blob, row.row_checksum, row.change_checksum)


def _parts(
    connection: Connection, segments: Segments, info: SegmentInfo
) -> Iterator[tuple[str, Callable[[], object], str]]:
    """Each part of a segment: how it is read, and what its damage costs."""

    lost = f"{info.event_count:,} events are lost"
    if info.is_expired:
        pass
    elif _is_readable(lambda: segments.stored_events(connection, info)):
        yield CHANGES, lambda: segments.columns(connection, info), lost
    else:
        yield EVENTS, lambda: segments.stored_events(connection, info), lost
    if info.has_keyframe:
        costs = "its map of all pages is not used: nothing is lost where what is before it is whole"
        yield KEYFRAME, lambda: segments.keyframe(connection, info.vm_id, info), costs
    if info.quantum_shift is not None:
        costs = "a summary is not used: nothing is lost"
        both = (RasterSums, ChurnSums)
        yield CELLS, lambda: [segments.cells(connection, info, sums) for sums in both], costs
        yield TIMELINE, lambda: segments.timeline(connection, info), costs
