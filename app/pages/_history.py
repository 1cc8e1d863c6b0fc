"""The life of a page, or of pages in a row, for people."""

from urllib.parse import urlencode

from fastapi import APIRouter, Response

from app.http.dependencies import ReaderOf, VmId
from app.http.parameters import AfterEvent, PagesOf
from app.queries.figures import hex_gpa
from app.queries.history import Pages, page_history
from app.queries.inventory import find_recording
from app.rendering import PageRoute, page

STEPS_SHOWN = 200

router = APIRouter(route_class=PageRoute)


@router.get("/vms/{vm_id}/pages/{gpa}", include_in_schema=False)
def show_history(reader: ReaderOf, vm_id: VmId, pages: PagesOf, after: AfterEvent = -1) -> Response:
    """Every event that touched a page, or pages in a row."""
    vm = reader.vm(vm_id)
    gpas = {"gpa_from": hex_gpa(pages.gfn), "gpa_to": hex_gpa(pages.end_gfn)}
    return page(
        "history.html",
        vm=vm,
        recording=find_recording(reader, vm.recording_id),
        history=page_history(reader, vm, pages, after, STEPS_SHOWN),
        after=after,
        end_gpa=gpas["gpa_to"],
        window=pages,
        query=_query(pages, gpas["gpa_to"]),
        place=urlencode(gpas),
        times=urlencode(_times(pages)),
    )


def _query(pages: Pages, gpa_to: str) -> str:
    """What asks for the same pages and times again, "?" included."""
    several = {"gpa_to": gpa_to} if pages.npages > 1 else {}
    text = urlencode(several | _times(pages))
    return f"?{text}" if text else ""


def _times(pages: Pages) -> dict[str, int]:
    times = {"from": pages.from_t, "to": pages.to_t}
    return {name: t for name, t in times.items() if t is not None}
