"""The life of a page, or of pages in a row."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.http.answers import OnlyJson
from app.http.dependencies import ReaderOf, VmId
from app.http.parameters import AfterEvent, PagesOf
from app.queries.history import PageHistory, page_history

router = APIRouter(prefix="/vms", tags=["history"], dependencies=[OnlyJson])

StepLimit = Annotated[int, Query(ge=1, le=10_000, description="At most so many events.")]


@router.get("/{vm_id}/pages/{gpa}/history")
def show_history(
    reader: ReaderOf, vm_id: VmId, pages: PagesOf, after: AfterEvent = -1, limit: StepLimit = 1000
) -> PageHistory:
    """Every event that touched a page, or any of those up to `gpa_to`, and the state they were in
    afterwards."""
    return page_history(reader, reader.vm(vm_id), pages, after, limit)
