"""The life of a page, or of pages in a row."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from app.api.dependencies import ReaderOf, VmId
from app.api.formats import OnlyJson
from app.api.parameters import GPA_LIMIT, Gpa, TimesOf, parse_gpa
from app.api.problems import BadParameter
from app.model.events import PAGE_SHIFT, PAGE_SIZE
from app.views.page_history import PageHistory, Pages, page_history

router = APIRouter(prefix="/vms", tags=["history"], dependencies=[OnlyJson])

PageAddress = Annotated[
    str, Path(description="A guest physical address, hex with 0x or decimal; any in the page.")
]
AfterEvent = Annotated[int, Query(ge=-1, description="Only events after this number.")]
StepLimit = Annotated[int, Query(ge=1, le=10_000, description="At most so many events.")]


def gfn_of(address: str) -> int:
    """Raises BadParameter."""
    try:
        gpa = parse_gpa(address)
    except ValueError as error:
        raise BadParameter("gpa", str(error)) from error
    assert isinstance(gpa, int)
    if gpa >= GPA_LIMIT:
        raise BadParameter("gpa", f"{address} is outside the guest's address space")
    return gpa >> PAGE_SHIFT


def pages_of(
    gpa: PageAddress,
    times: TimesOf,
    gpa_to: Annotated[
        Gpa,
        Query(
            description="Up to but without this address. Default: one page.", examples=["0x2000"]
        ),
    ] = None,
) -> Pages:
    first = gfn_of(gpa)
    end = first + 1 if gpa_to is None else (gpa_to + PAGE_SIZE - 1) >> PAGE_SHIFT
    if end <= first:
        raise BadParameter("gpa_to", f"gpa_to={gpa_to:#x} is not above {gpa}")
    return Pages(first, end, times.first, times.end)


PagesOf = Annotated[Pages, Depends(pages_of)]


@router.get("/{vm_id}/pages/{gpa}/history")
def show_history(
    reader: ReaderOf, vm_id: VmId, pages: PagesOf, after: AfterEvent = -1, limit: StepLimit = 1000
) -> PageHistory:
    """Every event that touched a page, or any of those up to `gpa_to`, and the state they were in
    afterwards."""
    return page_history(reader, reader.vm(vm_id), pages, after, limit)
