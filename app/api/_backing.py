"""What may lie twice, over time."""

from fastapi import APIRouter

from app.http.answers import OnlyJson
from app.http.dependencies import AccountsOf, ReaderOf, VmId
from app.http.parameters import TimesOf
from app.queries.history import BackingView

router = APIRouter(prefix="/vms", tags=["backing"], dependencies=[OnlyJson])


@router.get("/{vm_id}/backing")
def show_backing(
    reader: ReaderOf, accounts: AccountsOf, vm_id: VmId, times: TimesOf
) -> BackingView:
    """Private, shared and unknown pages, and bounds of the halves that nobody freed."""
    return accounts.of(reader.vm(vm_id), times.first, times.end)
