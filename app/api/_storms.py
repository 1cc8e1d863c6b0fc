"""Storms, and any interval of time counted as one."""

from fastapi import APIRouter

from app.http.answers import BadParameter, OnlyJson
from app.http.dependencies import ReaderOf, StormsOf, VmId
from app.http.parameters import RulesOf, StormOf, TimesOf
from app.queries.maps import interval_of
from app.queries.storms import IntervalView, StormList, StormView, interval_view

router = APIRouter(prefix="/vms", tags=["storms"], dependencies=[OnlyJson])

LONGEST_STRETCH_EVENTS = 20_000_000
"""More than that is not counted in one answer."""


@router.get("/{vm_id}/storms")
def list_storms(reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId) -> StormList:
    """Bursts of conversions and of page faults far above the recording's own baseline."""
    return storms.list(reader.vm(vm_id), rules)


@router.get("/{vm_id}/storms/{storm_id}")
def show_storm(storms: StormsOf, found: StormOf) -> StormView:
    """One storm: calls, pages, causes, threads, latencies, failures, ping-pong, huge pages."""
    return StormView(found.storm, storms.facts(found.vm, found.storm))


@router.get("/{vm_id}/stretch")
def show_stretch(reader: ReaderOf, vm_id: VmId, times: TimesOf) -> IntervalView:
    """Any stretch of time, counted like a storm."""
    vm = reader.vm(vm_id)
    from_t, to_t = interval_of(reader, vm_id, times.first, times.end)
    if vm.events > LONGEST_STRETCH_EVENTS and times.first is None and times.end is None:
        raise BadParameter("from", f"the VM has {vm.events:,} events: name a stretch of time")
    return interval_view(reader, vm, from_t, to_t)
