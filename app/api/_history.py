"""What became of pages: their life, what differs between two moments, what may lie twice."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.http.answers import OnlyJson
from app.http.dependencies import AccountsOf, ReaderOf, VmId
from app.http.parameters import AfterEvent, MomentsOf, PagesOf, TimesOf
from app.queries.history import BackingView, Diff, PageHistory, diff, page_history, rows_between

router = APIRouter(dependencies=[OnlyJson])

StepLimit = Annotated[int, Query(ge=1, le=10_000, description="At most so many events.")]


@router.get("/vms/{vm_id}/backing", tags=["backing"])
def show_backing(
    reader: ReaderOf, accounts: AccountsOf, vm_id: VmId, times: TimesOf
) -> BackingView:
    """Private, shared and unknown pages, and bounds of the halves that nobody freed."""
    return accounts.of(reader.vm(vm_id), times.first, times.end)


@router.get("/diff", tags=["diff"])
def show_diff(reader: ReaderOf, moments: MomentsOf) -> Diff:
    """What became private, shared or unknown between two moments of one VM, or of two VMs."""
    a, b = moments
    return diff(a, b, rows_between(reader, a, b))


@router.get("/vms/{vm_id}/pages/{gpa}/history", tags=["history"])
def show_history(
    reader: ReaderOf, vm_id: VmId, pages: PagesOf, after: AfterEvent = -1, limit: StepLimit = 1000
) -> PageHistory:
    """Every event that touched a page, or any of those up to `gpa_to`, and the state they were in
    afterwards."""
    return page_history(reader, reader.vm(vm_id), pages, after, limit)
