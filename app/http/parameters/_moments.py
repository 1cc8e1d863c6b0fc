"""Two moments to compare, as an address names them."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from app.http.dependencies import ReaderOf
from app.http.limits import EventNumber, Instant, RowId
from app.queries.history import Moment, moment


class Sides(BaseModel):
    """What is to be compared, as a link has it."""

    vm: RowId = Field(description="The first VM's id.")
    at: Instant | None = Field(None, description="When, ns. Default: the last instant.")
    event: EventNumber | None = Field(None, description="Count `at` from the effect of this event.")
    vm_b: RowId | None = Field(None, description="Default: the first VM.")
    at_b: Instant | None = Field(None, description="As `at`, of the second.")
    event_b: EventNumber | None = Field(None, description="As `event`, of the second.")


def sides(chosen: Annotated[Sides, Query()]) -> Sides:
    return chosen


SidesOf = Annotated[Sides, Depends(sides)]


def moments_of(reader: ReaderOf, chosen: SidesOf) -> tuple[Moment, Moment]:
    """Raises NotFound."""
    first = reader.vm(chosen.vm)
    second = first if chosen.vm_b is None else reader.vm(chosen.vm_b)
    return (
        moment(reader, first, chosen.at, chosen.event),
        moment(reader, second, chosen.at_b, chosen.event_b),
    )


MomentsOf = Annotated[tuple[Moment, Moment], Depends(moments_of)]
