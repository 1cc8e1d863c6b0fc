"""What a writer that died left behind."""

from itertools import chain, islice

from sqlalchemy import Connection, Engine, case, select, update
from sqlmodel import Session, col

from app.store.database._deletion import STEPS_AT_OPENING, deletion_steps, unfinished_deletions
from app.store.database._lock import WriterLock
from app.store.database._seals import seal
from app.store.schema import Chapter, Recording, RecordingState


def recover(engine: Engine, lock: WriterLock | None = None) -> None:
    """Mark recordings that nobody writes any more as incomplete; go on with deletions cut short.

    Only to be called while holding the writer lock. `lock`: may hold why the last one ended.
    """
    word = None if lock is None else lock.left_word
    abandoned = select(col(Recording.id)).where(col(Recording.state) == RecordingState.WRITING)
    with engine.connect() as connection:
        is_any_abandoned = connection.execute(abandoned).first() is not None
    if is_any_abandoned:
        # Immediate, for it waits: somebody may write notes or delete a recording meanwhile.
        with Session(engine.execution_options(begin="BEGIN IMMEDIATE")) as session:
            for recording_id in session.execute(abandoned).scalars().all():
                _mark_incomplete(session, recording_id, word)
            session.commit()
    if lock is not None and word is not None:
        lock.leave_word(None)
    left = (deletion_steps(engine, one) for one in unfinished_deletions(engine))
    for _ in islice(chain.from_iterable(left), STEPS_AT_OPENING):
        pass


def written_by(engine: Engine, pid: int) -> int | None:
    """The recording that a process writes, or wrote until it was ended."""
    query = select(col(Recording.id)).where(
        col(Recording.state) == RecordingState.WRITING, col(Recording.writer_pid) == pid
    )
    with engine.connect() as connection:
        found: int | None = connection.execute(query).scalar()
        return found


def _mark_incomplete(session: Session, recording_id: int, word: str | None) -> None:
    recording = session.get_one(Recording, recording_id)
    reason = what_is_missing(recording, word)
    end_chapter(session.connection(), recording_id, recording.complete_t, reason)
    session.execute(
        update(Recording)
        .where(col(Recording.id) == recording_id)
        .values(
            state=RecordingState.INCOMPLETE,
            incomplete_reason=reason,
            writer_pid=None,
        )
    )
    seal(session.connection(), recording_id)


def end_chapter(connection: Connection, recording_id: int, t: int, why: str) -> None:
    """The run that was under way, if the recording is made of runs, has ended."""
    connection.execute(
        update(Chapter)
        .where(col(Chapter.recording_id) == recording_id, col(Chapter.to_t).is_(None))
        .values(to_t=case((col(Chapter.from_t) > t, col(Chapter.from_t)), else_=t), ended=why)
    )


def what_is_missing(recording: Recording, word: str | None) -> str:
    """What a writer that ended without finishing left out, in words; `word`: its own."""
    last_s, complete_s = recording.last_t / 1e9, recording.complete_t / 1e9
    ended = word or f"the writer (process {recording.writer_pid}) ended without finishing"
    return (
        f"{ended}: events after t = {last_s:.6f} s are missing, "
        f"some from t = {complete_s:.6f} s on may be"
    )
