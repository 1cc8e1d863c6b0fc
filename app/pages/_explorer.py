"""The VM explorer: its frame. What it shows, the browser asks REST for."""

from fastapi import APIRouter, Response

from app.http.dependencies import ReaderOf, VmId
from app.http.limits import JSON_LIMIT, MOST_RUNS, TABLE_LIMIT
from app.queries.inventory import find_recording
from app.rendering import PageRoute, page

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}", include_in_schema=False)
def show_explorer(reader: ReaderOf, vm_id: VmId) -> Response:
    """One VM over time and guest physical address."""
    vm = reader.vm(vm_id)
    return page(
        "explorer.html",
        vm=vm,
        recording=find_recording(reader, vm.recording_id),
        limits={"json": JSON_LIMIT, "rows": TABLE_LIMIT, "runs": MOST_RUNS},
    )
