"""A recording: its facts, what it can and cannot show, what it lost."""

from fastapi import APIRouter, Response

from app.api.dependencies import ReaderOf, RecordingId
from app.pages.rendering import PageRoute, page
from app.views.recordings import find_recording
from app.views.vms import vm_view

LOSSES_SHOWN = 200

router = APIRouter(route_class=PageRoute)


@router.get("/recordings/{recording_id}", include_in_schema=False)
def show_recording(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """One continuous observation of one host."""
    recording = find_recording(reader, recording_id)
    vms = reader.vms(recording_id, include_unattributed=True)
    losses = reader.losses(recording_id)
    return page(
        "recording.html",
        recording=recording,
        vms=[vm_view(reader, vm) for vm in vms],
        losses=losses[:LOSSES_SHOWN],
        losses_hidden=len(losses[LOSSES_SHOWN:]),
    )
