"""Deleting a recording in short transactions, beside whoever records into the same database.

The first one marks the recording, and no reader shows anything of it from then on; the others
remove its rows and give the file's free pages back. If the process dies on the way, whoever opens
the database next goes on. SQLite lets one transaction write at a time and does not queue those that
wait: each is short, and followed by a rest in which others find their turn.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, Select, delete, exists, select, update
from sqlmodel import SQLModel, col

from app.store.database._lock import is_held_by
from app.store.errors import Conflict, NotFound, explained
from app.store.schema import (
    Chapter,
    CoarseSummary,
    GfnPartition,
    GuestMemfdRow,
    Host,
    KeptStorm,
    LossRow,
    MemslotRow,
    Note,
    Partitioning,
    Recording,
    RecordingState,
    Segment,
    Vm,
)

T = TypeVar("T")
STEP_S = 0.02
"""About how long a transaction may last: a live recording commits ten times as rarely."""
MOST_ROWS = 4096
"""A transaction removes no more, however fast that was so far."""
PAGES_AT_ONCE = 16
"""Pages that are given back before a transaction looks at the clock."""
STEPS_AT_OPENING = 16
"""Of a deletion cut short: opening a database is not to wait for all of a long one."""


@dataclass(frozen=True, slots=True)
class Freed:
    """Where the space of what was deleted went."""

    given_back_bytes: int  # the database's file became smaller by that
    free_bytes: int  # in the file: what is recorded next takes it


def delete_recording(engine: Engine, recording_id: int) -> Freed:
    """Remove a recording and everything in it; readers stop seeing it at once.

    Raises NotFound, and Conflict while the recording is still being written.
    """
    mark_deleted(engine, recording_id)
    given_back = sum(deletion_steps(engine, recording_id))
    return Freed(given_back, free_bytes(engine))


def mark_deleted(engine: Engine, recording_id: int) -> None:
    """Let no reader see a recording any more. Raises NotFound, and Conflict while it is written."""
    this = col(Recording.id) == recording_id
    with explained(str(engine.url.database)), immediate(engine).begin() as connection:
        query = select(col(Recording.state), col(Recording.writer_pid)).where(this)
        found = connection.execute(query).one_or_none()
        if found is None or found.state == RecordingState.DELETING:
            raise NotFound(f"there is no recording {recording_id}")
        if found.state == RecordingState.WRITING and is_held_by(engine, found.writer_pid):
            raise Conflict(
                f"recording {recording_id} is still being written, by process {found.writer_pid}; "
                "end that first"
            )
        values = {"state": RecordingState.DELETING}
        connection.execute(update(Recording).where(this).values(**values))


def unfinished_deletions(engine: Engine) -> list[int]:
    """Recordings that are marked, and of which something is left."""
    query = select(col(Recording.id)).where(col(Recording.state) == RecordingState.DELETING)
    with explained(str(engine.url.database)), engine.connect() as connection:
        return list(connection.execute(query.order_by(col(Recording.id))).scalars())


def deletion_steps(engine: Engine, recording_id: int) -> Iterator[int]:
    """Remove what is left of a marked recording. A step is one transaction and the rest after it;
    it yields the bytes by which the file became smaller."""
    with explained(str(engine.url.database)):
        pace = Pace()
        for query in _contents(recording_id):
            pace.rows = 1
            while paced(pace, partial(_delete_some, engine, query, pace)):
                yield 0
        paced(pace, partial(_delete_itself, engine, recording_id))
        yield 0
        if engine.dialect.name == "sqlite":
            yield from _vacuum_steps(engine, pace)


def _vacuum_steps(engine: Engine, pace: "Pace") -> Iterator[int]:
    """Ends when no page is free, be it for a moment: others free pages while they write."""
    is_any_left = True
    while is_any_left:
        given_back, is_any_left = paced(pace, partial(_give_back_pages, engine))
        yield given_back
    _move_log(engine)


def give_back_steps(engine: Engine, most_bytes: int) -> Iterator[int]:
    """Let the file shrink to a size, or as far as it has free pages. As `deletion_steps`."""
    pace, is_any_left = Pace(), True
    with explained(str(engine.url.database)):
        while is_any_left and _file_bytes(engine) > most_bytes:
            given_back, is_any_left = paced(pace, partial(_give_back_pages, engine))
            yield given_back
        _move_log(engine)


def _file_bytes(engine: Engine) -> int:
    with engine.connect() as connection:
        return _pages(connection) * _page_bytes(connection)


def free_bytes(engine: Engine) -> int:
    """In the database's file; other databases look after their space themselves."""
    if engine.dialect.name != "sqlite":
        return 0
    with explained(str(engine.url.database)), engine.connect() as connection:
        pages: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        return pages * _page_bytes(connection)


class Pace:
    """How many rows a transaction removes, by how long the last one took."""

    def __init__(self) -> None:
        self.rows = 1

    def adapt(self, took_s: float) -> None:
        if took_s > STEP_S:
            self.rows = max(1, self.rows // 2)
        elif took_s < STEP_S / 4:
            self.rows = min(MOST_ROWS, self.rows * 2)


def paced(pace: Pace, step: Callable[[], T]) -> T:
    """A step and a rest as long as it, so that half of the time is for others."""
    began = time.monotonic()
    done = step()
    took_s = time.monotonic() - began
    pace.adapt(took_s)
    time.sleep(min(took_s, STEP_S))
    return done


Rows = tuple[type[SQLModel], Select[int]]
"""A table, and which of its rows."""


def _contents(recording_id: int) -> list[Rows]:
    """What a recording holds, parents last."""
    vms = select(col(Vm.id)).where(col(Vm.recording_id) == recording_id)
    of_vms = [
        (table, select(col(table.id)).where(col(table.vm_id).in_(vms)))
        for table in (CoarseSummary, MemslotRow, GuestMemfdRow, Note, KeptStorm)
    ]
    segments = select(col(Segment.id)).where(col(Segment.vm_id).in_(vms))
    partitions = (
        select(col(GfnPartition.id))
        .join(Partitioning)
        .join(CoarseSummary)
        .where(col(CoarseSummary.vm_id).in_(vms))
    )
    losses = select(col(LossRow.id)).where(col(LossRow.recording_id) == recording_id)
    chapters = select(col(Chapter.id)).where(col(Chapter.recording_id) == recording_id)
    large = (Segment, segments), (GfnPartition, partitions)
    return [*large, *of_vms, (LossRow, losses), (Chapter, chapters), (Vm, vms)]


def _delete_some(engine: Engine, rows: Rows, pace: Pace) -> int:
    """Returns how many there were."""
    table, query = rows
    ids = SQLModel.metadata.tables[str(table.__tablename__)].c.id
    with immediate(engine).begin() as connection:
        chosen = list(connection.execute(query.limit(pace.rows)).scalars())
        if chosen:
            connection.execute(delete(table).where(ids.in_(chosen)))
    return len(chosen)


def _delete_itself(engine: Engine, recording_id: int) -> int:
    """And its host, if that has no other recording."""
    with immediate(engine).begin() as connection:
        connection.execute(delete(Recording).where(col(Recording.id) == recording_id))
        has_recordings = exists().where(col(Recording.host_id) == col(Host.id))
        connection.execute(delete(Host).where(~has_recordings))
    return 1


def _give_back_pages(engine: Engine) -> tuple[int, bool]:
    """Let the file shrink for the time of a step; returns by how many bytes, and whether it would
    shrink further.

    One that another program made, or vacuumed, may keep its free pages.
    """
    until = time.monotonic() + STEP_S
    with immediate(engine).begin() as connection:
        first = before = _pages(connection)
        is_any_left = True
        while is_any_left and time.monotonic() < until:
            for _ in range(PAGES_AT_ONCE):
                # Whatever number it is given: the driver takes one step, which is one page.
                connection.exec_driver_sql("PRAGMA incremental_vacuum(1)").close()
            after = _pages(connection)
            is_any_left, before = after < before, after
        return (first - before) * _page_bytes(connection), is_any_left


def _move_log(engine: Engine) -> None:
    """Move what was committed into the file, which ends where it should only then. It waits for
    nobody: what a reader still needs is moved by a later commit."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _pages(connection: Connection) -> int:
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    return pages


def _page_bytes(connection: Connection) -> int:
    page_bytes: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return page_bytes


def immediate(engine: Engine) -> Engine:
    """Its transactions wait for others: one that reads first is refused if others wrote since."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")
