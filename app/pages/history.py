"""The life of a page, for people."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from app.api.dependencies import ReaderOf, VmId
from app.api.history import AfterEvent, PageAddress, gfn_of
from app.api.problems import BadParameter
from app.pages.rendering import PageRoute, error_page, page
from app.views.page_history import page_history
from app.views.recordings import find_recording

STEPS_SHOWN = 200

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/pages/{gpa}", include_in_schema=False)
def show_history(
    reader: ReaderOf, vm_id: VmId, gpa: PageAddress, after: AfterEvent = -1
) -> Response:
    """Every event that touched a page."""
    vm = reader.vm(vm_id)
    try:
        gfn = gfn_of(gpa)
    except BadParameter as error:
        return error_page(HTTPStatus.NOT_FOUND, f"{error}.")
    return page(
        "history.html",
        vm=vm,
        recording=find_recording(reader, vm.recording_id),
        life=page_history(reader, vm, gfn, after, STEPS_SHOWN),
        after=after,
    )
