"""What is newest in a database: how far each VM reaches, and whether somebody still writes it."""

import time
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlmodel import col

from app.store.database import is_held_by, left_word, lock_path
from app.store.schema import Recording, RecordingState, Vm


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a VM's stored history reaches; a new commit makes a new one."""

    vm_id: int | None  # None: of a recording without any VM yet
    recording_id: int
    revision: int
    up_to: int  # ns since the recording's start
    is_written: bool  # a living process writes it now
    notes_revision: int = 0


@dataclass(frozen=True, slots=True)
class Writing:
    """What is known of the process that writes a recording."""

    is_alive: bool
    silent_ns: int  # since it last stored something, not even that nothing happened
    word: str | None = None  # why it ended, if it could not store that


def read_watermarks(engine: Engine) -> list[Watermark]:
    """Of all VMs, and of recordings that have none: cheap enough to ask several times a second."""
    rows = _rows(engine)
    alive = _alive(engine, rows)
    if any(row.state == RecordingState.WRITING and row.writer not in alive for row in rows):
        rows = _rows(engine)  # a writer finishes first, and lets the lock go then
    return [
        Watermark(
            vm_id=row.vm_id,
            recording_id=row.recording_id,
            revision=row.revision or 0,
            up_to=row.up_to,
            is_written=row.state == RecordingState.WRITING and row.writer in alive,
            notes_revision=row.notes_revision or 0,
        )
        for row in rows
    ]


class _Row(NamedTuple):
    vm_id: int | None
    recording_id: int
    revision: int | None
    up_to: int
    state: str
    writer: int | None
    notes_revision: int | None


def _rows(engine: Engine) -> list[_Row]:
    query = (
        select(
            col(Vm.id),
            col(Recording.id),
            col(Vm.revision),
            col(Recording.last_t),
            col(Recording.state),
            col(Recording.writer_pid),
            col(Vm.notes_revision),
        )
        .select_from(Recording)
        .join(Vm, col(Recording.id) == col(Vm.recording_id), isouter=True)
        .where(col(Recording.state) != RecordingState.DELETING)
        .order_by(col(Recording.id), col(Vm.id))
    )
    with engine.connect() as connection:
        return [_Row(*row) for row in connection.execute(query)]


def _alive(engine: Engine, rows: list[_Row]) -> set[int | None]:
    """The writers that are."""
    writers = {row.writer for row in rows if row.state == RecordingState.WRITING}
    return {pid for pid in writers if is_held_by(engine, pid)}


def writing(engine: Engine, recording: Recording) -> Writing | None:
    """Of a recording that is marked as being written; None if it is not."""
    if recording.state != RecordingState.WRITING:
        return None
    is_alive = is_held_by(engine, recording.writer_pid)
    if not is_alive:
        # It may have finished just now, for a writer finishes before it lets the lock go.
        query = select(col(Recording.state)).where(col(Recording.id) == recording.id)
        with engine.connect() as connection:
            is_alive = connection.execute(query).scalar_one_or_none() != RecordingState.WRITING
    return Writing(is_alive, _silence_ns(engine), None if is_alive else left_word(engine))


def _silence_ns(engine: Engine) -> int:
    """How long ago the writer committed last, be it that nothing happened."""
    now = time.time_ns()
    try:
        return max(0, now - lock_path(engine).stat().st_mtime_ns)
    except OSError:
        return 0
