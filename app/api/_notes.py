"""Notes that people pin to an instant or a stretch of a VM's time."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.http.answers import (
    PROBLEMS_OF_BODIES,
    PROBLEMS_OF_CHANGES,
    TABLE_RESPONSES,
    AnswerOf,
    BadParameter,
    OnlyJson,
    problems,
)
from app.http.dependencies import ReaderOf, VmId
from app.http.limits import RowId
from app.http.parameters import (
    Gpa,
    Page,
    PagingOf,
    TimesOf,
    described,
    end_gfn_of,
    json_body,
    one_line,
    page_of,
    plain,
    raised_as_invalid,
)
from app.model.guest import PAGE_SHIFT
from app.queries.events import NOTES, NoteView, note_view, notes_table
from app.queries.figures import row_id
from app.store.catalogue import Pinned, Written, add_note, change_note, delete_note
from app.store.read import Reader

router = APIRouter(prefix="/vms", tags=["notes"])

LONGEST_TEXT = 4000
LONGEST_NAME = 100


NoteId = Annotated[RowId, Path(description="The note's id.")]


class NoteDraft(BaseModel):
    """A note as a person writes it."""

    model_config = ConfigDict(extra="forbid")

    from_t: int = Field(
        alias="from", ge=0, strict=True, description="The instant, or the first one of a stretch."
    )
    to_t: int | None = Field(
        None, alias="to", ge=0, strict=True, description="Half-open. Null: an instant."
    )
    gpa_from: Gpa = Field(None, description="The first address it is about; null: no place.")
    gpa_to: Gpa = Field(None, description="The end of these addresses, half-open.")
    text: Annotated[str, BeforeValidator(plain)] = Field(
        min_length=1, max_length=LONGEST_TEXT, description="Plain text."
    )
    author: Annotated[str | None, BeforeValidator(one_line)] = Field(None, max_length=LONGEST_NAME)

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.to_t is not None and self.to_t <= self.from_t:
            raise ValueError(f"to={self.to_t} is not after from={self.from_t}")
        if (self.gpa_from is None) != (self.gpa_to is None):
            raise ValueError("gpa_from and gpa_to go together")
        if self.gpa_from is not None and self.gpa_to is not None and self.gpa_to <= self.gpa_from:
            raise ValueError(f"gpa_to={self.gpa_to:#x} is not above gpa_from={self.gpa_from:#x}")
        return self

    def pinned(self) -> Pinned:
        """Pages that a border cuts count whole."""
        if self.gpa_from is None or self.gpa_to is None:
            return Pinned(self.from_t, self.to_t)
        gfn = self.gpa_from >> PAGE_SHIFT
        return Pinned(self.from_t, self.to_t, gfn, end_gfn_of(self.gpa_to) - gfn)

    def written(self) -> Written:
        return Written(self.text, self.author or None)


class NoteChange(BaseModel):
    """What of a note is to be another from now on; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(strict=True, description="Which one was read and is to be replaced.")
    from_t: int | None = Field(None, alias="from")
    to_t: int | None = Field(None, alias="to")
    gpa_from: str | None = None
    gpa_to: str | None = None
    text: str | None = None
    author: str | None = None

    def applied_to(self, view: NoteView) -> NoteDraft:
        now = {
            "from": view.from_t,
            "to": view.to_t,
            "gpa_from": view.gpa_from,
            "gpa_to": view.gpa_to,
            "text": view.text,
            "author": view.author,
        }
        with raised_as_invalid():
            changes = self.model_dump(exclude_unset=True, by_alias=True, exclude={"revision"})
            return NoteDraft.model_validate(now | changes)


def within(reader: Reader, vm_id: int, draft: NoteDraft) -> Pinned:
    """Raises BadParameter where the VM has no such time."""
    first, last = reader.span(vm_id)
    for name, t in (("from", draft.from_t), ("to", draft.to_t)):
        if t is not None and not first <= t <= last + 1:
            raise BadParameter(name, f"t={t} is outside of what is stored, {first} to {last}")
    return draft.pinned()


@router.get("/{vm_id}/notes", response_model=Page[NoteView], responses=TABLE_RESPONSES)
def list_notes(
    reader: ReaderOf,
    answer: AnswerOf,
    vm_id: VmId,
    times: TimesOf,
    paging: PagingOf,
) -> Page[NoteView] | Response:
    """Notes that meet a stretch of time, by start."""
    reader.vm(vm_id)
    notes = reader.notes(vm_id, times.first, times.end)
    items, following = page_of(notes, lambda note: (note.from_t, row_id(note)), paging)
    if answer.table is None:
        return Page(items=[note_view(note) for note in items], next=following, limit=paging.limit)
    return answer.rows([notes_table(items)], NOTES, following)


@router.post(
    "/{vm_id}/notes",
    status_code=201,
    dependencies=[OnlyJson],
    responses=PROBLEMS_OF_BODIES,
    openapi_extra=described(NoteDraft),
)
def write_note(
    reader: ReaderOf,
    vm_id: VmId,
    draft: Annotated[NoteDraft, Depends(json_body(NoteDraft))],
    response: Response,
) -> NoteView:
    """Pin a note to a VM's history. It waits for a commit of a living recording, no longer."""
    note_id = add_note(reader.engine, vm_id, within(reader, vm_id, draft), draft.written())
    response.headers["Location"] = f"/api/v1/vms/{vm_id}/notes/{note_id}"
    return note_view(reader.note(vm_id, note_id))


@router.get("/{vm_id}/notes/{note_id}", dependencies=[OnlyJson])
def show_note(reader: ReaderOf, vm_id: VmId, note_id: NoteId) -> NoteView:
    """One note."""
    reader.vm(vm_id)
    return note_view(reader.note(vm_id, note_id))


@router.patch(
    "/{vm_id}/notes/{note_id}",
    dependencies=[OnlyJson],
    responses=PROBLEMS_OF_BODIES | problems(409),
    openapi_extra=described(NoteChange),
)
def rewrite_note(
    reader: ReaderOf,
    vm_id: VmId,
    note_id: NoteId,
    change: Annotated[NoteChange, Depends(json_body(NoteChange))],
) -> NoteView:
    """Change what is named; 409 if somebody else has changed the note since."""
    reader.vm(vm_id)
    draft = change.applied_to(note_view(reader.note(vm_id, note_id)))
    pinned = within(reader, vm_id, draft)
    change_note(reader.engine, vm_id, note_id, change.revision, pinned, draft.written())
    return note_view(reader.note(vm_id, note_id))


@router.delete("/{vm_id}/notes/{note_id}", status_code=204, responses=PROBLEMS_OF_CHANGES)
def remove_note(reader: ReaderOf, vm_id: VmId, note_id: NoteId) -> None:
    """Remove a note for good."""
    delete_note(reader.engine, vm_id, note_id)
