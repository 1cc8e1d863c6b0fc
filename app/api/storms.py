"""Storms, and any stretch of time counted as one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from app.api.dependencies import ReaderOf, StormsOf, VmId
from app.api.formats import OnlyJson
from app.api.parameters import TimesOf
from app.api.problems import BadParameter
from app.views.storm_in_full import StormView
from app.views.storms import StormList, StormRules
from app.views.stretch_parts import StretchView
from app.views.stretches import stretch_view
from app.views.time_axis import stretch_of

router = APIRouter(prefix="/vms", tags=["storms"], dependencies=[OnlyJson])

LONGEST_STRETCH_EVENTS = 20_000_000
"""More than that is not counted in one answer."""


def rules_of(
    min_calls: Annotated[
        int | None, Query(ge=1, description="A burst of fewer conversions is no storm.")
    ] = None,
    min_rate: Annotated[
        float | None, Query(gt=0, le=1e9, description="Conversions a second, at least.")
    ] = None,
    over_baseline: Annotated[
        float | None, Query(ge=1, le=1e9, description="Times the recording's own baseline.")
    ] = None,
    min_boot_calls: Annotated[
        int | None, Query(ge=1, description="As `min_calls`, while the guest boots.")
    ] = None,
    min_faults: Annotated[
        int | None, Query(ge=1, description="A burst of fewer page faults is no storm.")
    ] = None,
) -> StormRules:
    return StormRules().scaled(
        min_calls,
        min_rate,
        over_baseline,
        min_boot_calls=min_boot_calls,
        min_faults=min_faults,
    )


RulesOf = Annotated[StormRules, Depends(rules_of)]
StormId = Annotated[str, Path(description="A storm's id, or its place in the list from 1.")]


@router.get("/{vm_id}/storms")
def list_storms(reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId) -> StormList:
    """Bursts of conversions and of page faults far above the recording's own baseline."""
    return storms.list(reader.vm(vm_id), rules)


@router.get("/{vm_id}/storms/{storm_id}")
def show_storm(
    reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId, storm_id: StormId
) -> StormView:
    """One storm: calls, pages, causes, threads, latencies, failures, ping-pong, huge pages."""
    vm = reader.vm(vm_id)
    storm = storms.find(vm, storm_id, rules)
    return StormView(storm, storms.facts(vm, storm))


@router.get("/{vm_id}/stretch")
def show_stretch(reader: ReaderOf, vm_id: VmId, times: TimesOf) -> StretchView:
    """Any stretch of time, counted like a storm."""
    vm = reader.vm(vm_id)
    from_t, to_t = stretch_of(reader, vm_id, times.first, times.end)
    if vm.events > LONGEST_STRETCH_EVENTS and times.first is None and times.end is None:
        raise BadParameter("from", f"the VM has {vm.events:,} events: name a stretch of time")
    return stretch_view(reader, vm, from_t, to_t)
