"""The VM explorer: its frame and its notes. What else it shows, the browser asks REST for."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from app.http.dependencies import ReaderOf, VmId
from app.http.limits import JSON_LIMIT, MOST_RUNS, TABLE_LIMIT
from app.queries.events import OFFERED, NoteView, note_view
from app.queries.inventory import find_recording
from app.rendering import PageRoute, page
from app.store.read import Reader

router = APIRouter(route_class=PageRoute)

AS_REST = TypeAdapter(NoteView)


@router.get("/vms/{vm_id}", include_in_schema=False)
def show_explorer(reader: ReaderOf, vm_id: VmId) -> Response:
    """One VM over time and guest physical address."""
    limits = {"json": JSON_LIMIT, "rows": TABLE_LIMIT, "runs": MOST_RUNS}
    return page("explorer.html", **_shown(reader, vm_id), limits=limits, offered=OFFERED)


@router.get("/vms/{vm_id}/notes", include_in_schema=False)
def show_notes(reader: ReaderOf, vm_id: VmId) -> Response:
    """The list of notes, for htmx."""
    return page("notes.html", **_shown(reader, vm_id))


def _shown(reader: Reader, vm_id: int) -> dict[str, Any]:
    vm = reader.vm(vm_id)
    notes = [note_view(note) for note in reader.notes(vm_id)]
    return {
        "vm": vm,
        "recording": find_recording(reader, vm.recording_id),
        # What a script needs of a note is what REST answers.
        "notes": [(note, AS_REST.dump_python(note, mode="json", by_alias=True)) for note in notes],
    }
