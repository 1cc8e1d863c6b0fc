"""Recordings: continuous observations of one host, what they can show, what they lost."""

from fastapi import APIRouter, Response

from app.http.answers import (
    PROBLEMS_OF_CHANGES,
    TABLE_RESPONSES,
    AnswerOf,
    OnlyJson,
    problems,
)
from app.http.dependencies import DeletionsOf, ReaderOf, RecordingId
from app.http.parameters import Page, PagingOf, TimesOf, page_by_place, page_of
from app.queries.inventory import (
    CoverageView,
    LossView,
    RecordingView,
    StorageView,
    coverage_view,
    find_recording,
    loss_view,
    recording_views,
    storage_views,
)
from app.queries.tables import RECORDINGS, recordings_table

router = APIRouter(prefix="/recordings", tags=["recordings"])


@router.get("", response_model=Page[RecordingView], responses=TABLE_RESPONSES)
def list_recordings(
    reader: ReaderOf, answer: AnswerOf, paging: PagingOf
) -> Page[RecordingView] | Response:
    """All recordings, oldest first."""
    items, following = page_of(recording_views(reader), lambda view: (view.id,), paging)
    if answer.table is None:
        return Page(items=items, next=following, limit=paging.limit)
    return answer.rows([recordings_table(items)], RECORDINGS, following)


@router.get("/{recording_id}", dependencies=[OnlyJson])
def show_recording(reader: ReaderOf, recording_id: RecordingId) -> RecordingView:
    """One recording."""
    return find_recording(reader, recording_id)


@router.delete("/{recording_id}", status_code=204, responses=PROBLEMS_OF_CHANGES | problems(409))
def remove_recording(reader: ReaderOf, deletions: DeletionsOf, recording_id: RecordingId) -> None:
    """Delete a recording for good, with its VMs, events and notes; 409 while it is being written.

    It is gone with the answer; its space is given back, or used by what is recorded next, after it.
    """
    deletions.delete(recording_id, reader.recording(recording_id).name)


@router.get("/{recording_id}/storage", dependencies=[OnlyJson])
def show_storage(reader: ReaderOf, recording_id: RecordingId) -> StorageView:
    """What it takes of the database, and how long ago it ended."""
    (storage,) = storage_views(reader, recording_id)
    return storage


@router.get("/{recording_id}/coverage", dependencies=[OnlyJson])
def show_coverage(reader: ReaderOf, recording_id: RecordingId) -> CoverageView:
    """What this recording can and cannot show, and why; counters of its collector; its losses."""
    return coverage_view(reader, recording_id)


@router.get("/{recording_id}/losses", dependencies=[OnlyJson])
def list_losses(
    reader: ReaderOf,
    recording_id: RecordingId,
    times: TimesOf,
    paging: PagingOf,
) -> Page[LossView]:
    """Intervals of time in which events were lost, by start."""
    reader.recording(recording_id)
    losses = reader.losses(recording_id, times.first, times.end)
    items, following = page_by_place([loss_view(loss) for loss in losses], paging)
    return Page(items=items, next=following, limit=paging.limit)
