"""The life of a page."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.dependencies import ReaderOf, VmId
from app.api.formats import OnlyJson
from app.api.parameters import GPA_LIMIT, parse_gpa
from app.api.problems import BadParameter
from app.model.events import PAGE_SHIFT
from app.views.page_history import PageHistory, page_history

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


@router.get("/{vm_id}/pages/{gpa}/history")
def show_history(
    reader: ReaderOf, vm_id: VmId, gpa: PageAddress, after: AfterEvent = -1, limit: StepLimit = 1000
) -> PageHistory:
    """Every event that touched a page, and the state it was in afterwards."""
    return page_history(reader, reader.vm(vm_id), gfn_of(gpa), after, limit)
