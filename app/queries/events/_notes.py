"""What is shown of a note that a person pinned to a VM's history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from app.queries.figures import hex_gpa, row_id
from app.store.schema import Note

NOTES = pa.schema(
    [
        ("id", pa.int64()),
        ("from", pa.int64()),
        ("to", pa.int64()),
        ("gfn", pa.uint64()),
        ("npages", pa.uint64()),
        ("text", pa.string()),
        ("author", pa.string()),
        ("written_ns", pa.int64()),
        ("changed_ns", pa.int64()),
        ("revision", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class NoteView:
    """One note."""

    id: int
    from_t: Annotated[
        int, Field(serialization_alias="from", description="ns since the recording's start.")
    ]
    to_t: Annotated[
        int | None,
        Field(serialization_alias="to", description="Half-open. Null: about an instant."),
    ]
    gpa_from: Annotated[
        str | None,
        Field(description="Null: about no place in particular.", examples=["0x100000000"]),
    ]
    gpa_to: str | None
    text: Annotated[str, Field(description="Plain text.")]
    author: str | None
    written_ns: Annotated[str, Field(description="UNIX time, ns, as text.")]
    changed_ns: Annotated[str | None, Field(description="Null: it is as it was written.")]
    revision: Annotated[int, Field(description="To be named by who changes it.")]


def note_view(note: Note) -> NoteView:
    return NoteView(
        id=row_id(note),
        from_t=note.from_t,
        to_t=note.to_t,
        gpa_from=_gpa(note.gfn),
        gpa_to=None if note.gfn is None else _gpa(note.gfn + (note.npages or 0)),
        text=note.text,
        author=note.author,
        written_ns=str(note.written_ns),
        changed_ns=None if note.changed_ns is None else str(note.changed_ns),
        revision=note.revision,
    )


def _gpa(gfn: int | None) -> str | None:
    return None if gfn is None else hex_gpa(gfn)


def notes_table(notes: Sequence[Note]) -> pa.RecordBatch:
    """Notes as `NOTES`, in the order given."""
    renamed = {"from": "from_t", "to": "to_t"}
    rows = [
        {name: getattr(note, renamed.get(name, name)) for name in NOTES.names} for note in notes
    ]
    return pa.RecordBatch.from_pylist(rows, schema=NOTES)
