"""A recording: its facts, what it can and cannot show, what it lost."""

from fastapi import APIRouter, Response

from app.http.dependencies import ReaderOf, RecordingId
from app.queries.inventory import VmView, find_recording, vm_view
from app.rendering import PageRoute, page

LOSSES_SHOWN = 200

router = APIRouter(route_class=PageRoute)


@router.get("/recordings/{recording_id}", include_in_schema=False)
def show_recording(reader: ReaderOf, recording_id: RecordingId) -> Response:
    """One continuous observation of one host."""
    recording = find_recording(reader, recording_id)
    vms = [vm_view(reader, vm) for vm in reader.vms(recording_id, include_unattributed=True)]
    losses = reader.losses(recording_id)
    return page(
        "recording.html",
        recording=recording,
        vms=[vm for vm in vms if not vm.is_unattributed],
        strays=[(vm, events_of(vm)) for vm in vms if vm.is_unattributed and events_of(vm)],
        losses=losses[:LOSSES_SHOWN],
        losses_hidden=len(losses[LOSSES_SHOWN:]),
    )


def events_of(vm: VmView) -> int:
    """How many events a VM has; that some were lost is shown elsewhere."""
    return sum(number for kind, number in vm.events.items() if not kind.startswith("loss_"))
