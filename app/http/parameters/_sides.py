"""Two moments to compare, as an address names them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from app.http.dependencies import ReaderOf
from app.http.limits import INTEGER_LIMIT
from app.store.schema import Vm


@dataclass(frozen=True, slots=True)
class Sides:
    """What is to be compared, as a link has it."""

    vm: int
    at: int | None
    event: int | None
    vm_b: int | None
    at_b: int | None
    event_b: int | None


def sides(
    vm: Annotated[int, Query(ge=1, lt=INTEGER_LIMIT, description="The first VM's id.")],
    at: Annotated[
        int | None,
        Query(ge=0, lt=INTEGER_LIMIT, description="When, ns. Default: the last instant."),
    ] = None,
    event: Annotated[
        int | None,
        Query(ge=0, lt=INTEGER_LIMIT, description="Count `at` from the effect of this event."),
    ] = None,
    vm_b: Annotated[
        int | None, Query(ge=1, lt=INTEGER_LIMIT, description="Default: the first VM.")
    ] = None,
    at_b: Annotated[
        int | None, Query(ge=0, lt=INTEGER_LIMIT, description="As `at`, of the second.")
    ] = None,
    event_b: Annotated[
        int | None, Query(ge=0, lt=INTEGER_LIMIT, description="As `event`, of the second.")
    ] = None,
) -> Sides:
    return Sides(vm, at, event, vm_b, at_b, event_b)


SidesOf = Annotated[Sides, Depends(sides)]


def vms_of(reader: ReaderOf, sides: Sides) -> tuple[Vm, Vm]:
    """Raises NotFound."""
    first = reader.vm(sides.vm)
    return first, first if sides.vm_b is None else reader.vm(sides.vm_b)
