"""Notes of people about a VM's history: the only rows that others than the writer write.

Each change is one transaction of two rows. The writer lock is about who records, so that a note
may be written beside a living recording: SQLite lets one transaction write at a time, the other
waits for it (BUSY_TIMEOUT_MS), and neither waits for more than a commit.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, delete, insert, select, update
from sqlmodel import col

from app.store.checksums import of_values
from app.store.errors import Conflict, NotFound, explained
from app.store.schema import Note, Recording, RecordingState, Vm


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a note is about: an instant (to_t is None) or an interval of time, half-open, of all
    memory (gfn and npages are None) or of some pages."""

    from_t: int
    to_t: int | None = None
    gfn: int | None = None
    npages: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Plain text, and who wrote it, if they like."""

    text: str
    author: str | None = None


def add_note(engine: Engine, vm_id: int, pinned: Pinned, written: Written) -> int:
    """The new note's id. Raises NotFound, and StoreError if the database cannot be written."""
    values = asdict(pinned) | asdict(written)
    values |= {"written_ns": time.time_ns(), "changed_ns": None, "revision": 1}
    values["checksum"] = note_checksum(vm_id, values)
    with _change(engine, vm_id) as connection:
        return connection.execute(
            insert(Note).values(vm_id=vm_id, **values).returning(col(Note.id))
        ).scalar_one()


def change_note(
    engine: Engine, vm_id: int, note_id: int, revision: int, pinned: Pinned, written: Written
) -> None:
    """Replace the note's revision `revision`. Raises NotFound, Conflict if somebody else changed
    the note since, and StoreError."""
    values = asdict(pinned) | asdict(written)
    this = (col(Note.id) == note_id, col(Note.vm_id) == vm_id)
    with _change(engine, vm_id) as connection:
        query = select(col(Note.revision), col(Note.written_ns)).where(*this)
        stored = connection.execute(query).one_or_none()
        if stored is None:
            raise _no_note(vm_id, note_id)
        if stored.revision != revision:
            raise Conflict(f"note {note_id} was changed meanwhile; read it again")
        values |= {"revision": revision + 1, "changed_ns": time.time_ns()}
        checksum = note_checksum(vm_id, values | {"written_ns": stored.written_ns})
        connection.execute(update(Note).where(*this).values(**values, checksum=checksum))


def delete_note(engine: Engine, vm_id: int, note_id: int) -> None:
    """Raises NotFound, and StoreError."""
    this = (col(Note.id) == note_id, col(Note.vm_id) == vm_id)
    with _change(engine, vm_id) as connection:
        if not _rows(connection.execute(delete(Note).where(*this))):
            raise _no_note(vm_id, note_id)


@contextmanager
def _change(engine: Engine, vm_id: int) -> Iterator[Connection]:
    """A transaction that changes a VM's notes, which those who watch the VM see."""
    kept = select(col(Recording.id)).where(col(Recording.state) != RecordingState.DELETING)
    count_up = (
        update(Vm)
        .where(col(Vm.id) == vm_id, col(Vm.recording_id).in_(kept))
        .values(notes_revision=col(Vm.notes_revision) + 1)
    )
    # Immediate, for it waits: a transaction that begins to write after others did is refused.
    immediate = engine.execution_options(begin="BEGIN IMMEDIATE")
    with explained(str(engine.url.database)), immediate.begin() as connection:
        if not _rows(connection.execute(count_up)):
            raise NotFound(f"there is no VM {vm_id}")
        yield connection


_SUMMED = (
    *("from_t", "to_t", "gfn", "npages", "text", "author"),
    *("written_ns", "changed_ns", "revision"),
)
"""For ever: a later column needs a checksum of its own."""


def note_checksum(vm_id: int, row: Mapping[str, Any]) -> int:
    return of_values(vm_id, *(row[name] for name in _SUMMED))


def _rows(result: CursorResult[tuple[()]]) -> int:
    return result.rowcount


def _no_note(vm_id: int, note_id: int) -> NotFound:
    return NotFound(f"VM {vm_id} has no note {note_id}")
