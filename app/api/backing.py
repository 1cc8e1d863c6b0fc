"""What may lie twice, over time."""

from fastapi import APIRouter

from app.api.dependencies import AccountsOf, ReaderOf, VmId
from app.api.formats import OnlyJson
from app.api.parameters import TimesOf
from app.views.backing import BackingView

router = APIRouter(prefix="/vms", tags=["backing"], dependencies=[OnlyJson])


@router.get("/{vm_id}/backing")
def show_backing(
    reader: ReaderOf, accounts: AccountsOf, vm_id: VmId, times: TimesOf
) -> BackingView:
    """Private, shared and unknown pages, and bounds of the halves that nobody freed."""
    return accounts.of(reader.vm(vm_id), times.first, times.end)
