"""VMs of recordings, and what of them fits into one object."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.http.answers import TABLE_RESPONSES, AnswerOf, OnlyJson
from app.http.dependencies import ReaderOf, VmId
from app.http.limits import Instant, RowId
from app.http.parameters import LongPagingOf, Page, PagingOf, TimesOf, page_by_place, page_of
from app.queries.inventory import MemslotView, VmView, memslot_view, vm_view
from app.queries.tables import MEMSLOTS, VMS, memslots_table, vms_table

router = APIRouter(prefix="/vms", tags=["vms"])


@router.get("", response_model=Page[VmView], responses=TABLE_RESPONSES)
def list_vms(
    reader: ReaderOf,
    answer: AnswerOf,
    paging: PagingOf,
    recording: Annotated[RowId | None, Query(description="Only this recording's VMs.")] = None,
    unattributed: Annotated[
        bool, Query(description="With what holds the events that belong to no VM that is known.")
    ] = False,
) -> Page[VmView] | Response:
    """All VMs, in the order in which they became known."""
    if recording is not None:
        reader.recording(recording)
    vms = reader.vms(recording, include_unattributed=unattributed)
    page, following = page_of(vms, lambda vm: (vm.id or 0,), paging)
    items = [vm_view(reader, vm) for vm in page]
    if answer.table is None:
        return Page(items=items, next=following, limit=paging.limit)
    return answer.rows([vms_table(items)], VMS, following)


@router.get("/{vm_id}", dependencies=[OnlyJson])
def show_vm(reader: ReaderOf, vm_id: VmId) -> VmView:
    """One VM."""
    return vm_view(reader, reader.vm(vm_id))


@router.get("/{vm_id}/memslots", response_model=Page[MemslotView], responses=TABLE_RESPONSES)
def list_memslots(
    reader: ReaderOf,
    answer: AnswerOf,
    paging: LongPagingOf,
    vm_id: VmId,
    times: TimesOf,
    at: Annotated[
        Instant | None,
        Query(description="Only those alive at this instant."),
    ] = None,
) -> Page[MemslotView] | Response:
    """Memslots with their lifetimes, by start; of a window those that were there in it."""
    reader.vm(vm_id)
    memslots = [
        slot for slot in reader.memslots(vm_id, at) if slot.was_alive_in(times.first, times.end)
    ]
    items, following = page_by_place(memslots, paging)
    if answer.table is None:
        views = [memslot_view(memslot) for memslot in items]
        return Page(items=views, next=following, limit=paging.limit)
    return answer.rows([memslots_table(items)], MEMSLOTS, following)
