"""What counts as a storm, and one of them, as an address has it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query

from app.http.dependencies import ReaderOf, StormsOf, VmId
from app.queries.storms import StormRow, StormRules, StormThresholds, storm_rules
from app.store.schema import Vm


def rules_of(moved: Annotated[StormThresholds, Query()]) -> StormRules:
    return storm_rules(moved)


RulesOf = Annotated[StormRules, Depends(rules_of)]
StormId = Annotated[str, Path(description="A storm's id, or its place in the list from 1.")]


@dataclass(frozen=True, slots=True)
class FoundStorm:
    """A storm of a VM by the rules that were asked for."""

    vm: Vm
    storm: StormRow


def found_storm(
    reader: ReaderOf, storms: StormsOf, rules: RulesOf, vm_id: VmId, storm_id: StormId
) -> FoundStorm:
    """Raises NotFound."""
    vm = reader.vm(vm_id)
    return FoundStorm(vm, storms.find(vm, storm_id, rules))


StormOf = Annotated[FoundStorm, Depends(found_storm)]
