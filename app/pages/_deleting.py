"""Before a recording is deleted: what goes with it, and whether that is meant."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from app.http.dependencies import DeletionsOf, ReaderOf, RecordingId
from app.queries.inventory import age_text, find_recording, storage_views
from app.rendering import PageRoute, page

VMS_NAMED = 20
NOT_KEPT = {"Cache-Control": "no-store"}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/recordings/{recording_id}/delete")
def ask_to_delete(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """What is lost, and a button: a page of its own, so that it needs no script."""
    (storage,) = storage_views(reader, recording_id)
    vms = [vm.name for vm in reader.vms(recording_id)]
    return page(
        "delete.html",
        recording=find_recording(reader, recording_id),
        storage=storage,
        age=age_text(storage),
        vms=vms[:VMS_NAMED],
        vms_hidden=len(vms[VMS_NAMED:]),
    )


@router.post("/recordings/{recording_id}/delete")
def delete(reader: ReaderOf, deletions: DeletionsOf, recording_id: RecordingId) -> Response:
    """Delete it, and lead on to the first page, which shows that it is gone."""
    deletions.delete(recording_id, reader.recording(recording_id).name)
    return RedirectResponse(f"/?deleted={recording_id}", 303, NOT_KEPT)


def deleted_name(deletions: DeletionsOf, deleted: str = "") -> str | None:
    """Of the recording that a browser comes from; None where none was deleted, whatever a link
    claims."""
    is_id = deleted.isascii() and deleted.isdecimal() and len(deleted) < 19
    return deletions.name_of(int(deleted)) if is_id else None


DeletedName = Annotated[str | None, Depends(deleted_name)]
