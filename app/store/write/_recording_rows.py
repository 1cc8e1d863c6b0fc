"""The rows of a recording itself: begun, gone on with, ended by a reason.

Called inside the writer's transaction.
"""

import os
from dataclasses import asdict

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from app.store.database import end_chapter, unseal
from app.store.errors import StoreError
from app.store.protocol import RecordingHeader, StoredRecording
from app.store.schema import Chapter, Host, Recording, RecordingState

ASKED = "it was asked to end"
_OF_CHAPTERS = ("from_t", "boot_id")


def begin_recording(connection: Connection, header: RecordingHeader, *, is_live: bool) -> int:
    """Returns its row id."""
    values = {name: value for name, value in asdict(header).items() if name not in _OF_CHAPTERS}
    host = values.pop("host")
    recording_id = connection.execute(
        insert(Recording)
        .values(
            host_id=_host_id(connection, host),
            state=RecordingState.WRITING,
            writer_pid=os.getpid(),
            is_live=is_live,
            **values,
        )
        .returning(col(Recording.id))
    ).scalar_one()
    if is_live:
        _begin_chapter(connection, recording_id, header)
    return recording_id


def go_on(connection: Connection, stored: StoredRecording, header: RecordingHeader) -> None:
    """Raises StoreError if it is not as it was when it was read."""
    recording_id = stored.recording_id
    query = select(
        col(Recording.state),
        col(Recording.complete_t),
        col(Recording.last_t),
        col(Recording.incomplete_reason),
    )
    found = connection.execute(query.where(col(Recording.id) == recording_id)).one_or_none()
    as_read = (stored.complete_t, stored.last_t)
    is_over = (RecordingState.COMPLETE, RecordingState.INCOMPLETE)
    if found is None or found[0] not in is_over or (found[1], found[2]) != as_read:
        raise StoreError(f"recording {recording_id} was changed before it could be gone on with")
    connection.execute(
        update(Recording)
        .where(col(Recording.id) == recording_id)
        .values(
            state=RecordingState.WRITING,
            incomplete_reason=None,
            writer_pid=os.getpid(),
            coverage=header.coverage,
        )
    )
    end_chapter(connection, recording_id, stored.complete_t, found[3] or ASKED)
    unseal(connection, recording_id, [vm.vm_id for vm in stored.vms])
    _begin_chapter(connection, recording_id, header)


def _begin_chapter(connection: Connection, recording_id: int, header: RecordingHeader) -> None:
    connection.execute(
        insert(Chapter).values(
            recording_id=recording_id,
            from_t=header.from_t,
            boot_id=header.boot_id,
            clock_start_ns=header.clock_start_ns,
            wall_start_ns=header.wall_start_ns,
            kernel_release=header.kernel_release,
            source=header.source,
        )
    )


def _host_id(connection: Connection, name: str) -> int:
    query = select(col(Host.id)).where(col(Host.name) == name)
    found = connection.execute(query).scalar_one_or_none()
    if found is not None:
        return found
    return connection.execute(insert(Host).values(name=name).returning(col(Host.id))).scalar_one()


def reason_of(error: BaseException) -> str:
    """Why a recording is incomplete, for people."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted before everything that was recorded was stored"
    if isinstance(error, MemoryError):
        return "the writer had no memory left: what it had stored before is kept"
    return str(error) or type(error).__name__
