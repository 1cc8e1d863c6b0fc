"""Deleting a recording in small steps, so that nobody else waits long for the database."""

from sqlalchemy import Engine, Select, delete, select, update
from sqlmodel import col

from app.store.database._lock import is_held_by
from app.store.errors import NotFound, StoreError, explained
from app.store.schema import Recording, RecordingState, Segment, Vm

SEGMENTS_PER_STEP = 16
PAGES_PER_STEP = 4096


def delete_recording(engine: Engine, recording_id: int) -> None:
    """Remove a recording and everything in it; readers stop seeing it at once.

    If the process dies on the way, the next one that opens the database goes on. Raises NotFound,
    and StoreError while the recording is still being written.
    """
    with explained(str(engine.url.database)):
        query = select(col(Recording.state), col(Recording.writer_pid))
        with engine.connect() as connection:
            found = connection.execute(query.where(col(Recording.id) == recording_id)).one_or_none()
        if found is None:
            raise NotFound(f"there is no recording {recording_id}")
        state, writer = found
        if state == RecordingState.WRITING and is_held_by(engine, writer):
            raise StoreError(f"recording {recording_id} is still being written")
        with engine.begin() as connection:
            connection.execute(
                update(Recording)
                .where(col(Recording.id) == recording_id)
                .values(state=RecordingState.DELETING)
            )
        delete_contents(engine, recording_id)


def delete_contents(engine: Engine, recording_id: int) -> None:
    """Remove the rows of a recording that is already marked as being deleted."""
    segments = (
        select(col(Segment.id))
        .join(Vm, col(Vm.id) == col(Segment.vm_id))
        .where(col(Vm.recording_id) == recording_id)
        .limit(SEGMENTS_PER_STEP)
    )
    # A transaction that reads first and writes later fails at once when somebody wrote between.
    while ids := _first_ids(engine, segments):
        with engine.begin() as connection:
            connection.execute(delete(Segment).where(col(Segment.id).in_(ids)))
    with engine.begin() as connection:
        connection.execute(delete(Recording).where(col(Recording.id) == recording_id))
    if engine.dialect.name == "sqlite":
        _give_back_pages(engine)


def _give_back_pages(engine: Engine) -> None:
    """Let the file shrink, a bounded number of pages per transaction.

    One that another program made, or vacuumed, may keep its free pages.
    """
    before, pages = 0, 1
    while pages and pages != before:
        before = pages
        with engine.begin() as connection:
            cursor = connection.connection.cursor()
            # The pragma gives back a page per step: the steps are taken by fetching.
            cursor.execute(f"PRAGMA incremental_vacuum({PAGES_PER_STEP})")
            cursor.fetchall()
            pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()


def _first_ids(engine: Engine, query: Select[int]) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())
