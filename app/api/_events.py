"""Events: conversions, hypercalls, faults, memslot calls, losses, in order of effect."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.http.answers import (
    TABLE_RESPONSES,
    AnswerOf,
    BadParameter,
    json_response,
)
from app.http.dependencies import ReaderOf, VmId
from app.http.limits import JSON_LIMIT, TABLE_LIMIT
from app.http.parameters import After, EventQueryOf, Page, parse_cursor
from app.queries.events import events_page
from app.queries.tables import EVENTS, json_array, with_wire_forms

router = APIRouter(prefix="/vms", tags=["events"])


EXAMPLE: JsonDict = {
    "seq": 4711,
    "t": 41_200_000_000,
    "t_effect": 41_200_003_100,
    "clock_ns": "86441200000000",
    "kind": "conversion",
    "gfn": 0x123400,
    "npages": 512,
    "gpa": "0x123400000",
    "size": 2_097_152,
    "to": "private",
    "outcome": "failed",
    "errno": 11,
    "errno_name": "EAGAIN",
    "cause": "explicit",
    "cause_certainty": "seen",
    "range_certainty": "seen",
    "tid": 4242,
    "vcpu": 3,
    "latency_ns": 3100,
    "effective_pages": 0,
    "aux": "0x8",
}


class Order(StrEnum):
    """Of effect."""

    ASC = "asc"
    DESC = "desc"


class Event(BaseModel):
    """One event. Null: not known, or meaningless for its kind."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    seq: int = Field(description="Its number in the VM, by order of effect.")
    t: int = Field(description="When it began, ns since the recording's start.")
    t_effect: int = Field(description="From when on its effect holds.")
    clock_ns: str = Field(description="t by the trace's own clock, as text.")
    kind: str = Field(examples=["conversion"])
    gfn: int | None
    npages: int | None
    gpa: str | None = Field(description="The exact address, aligned or not.")
    size: int | None = Field(description="Bytes, exact.")
    to: str | None = Field(description="private, shared or unknown; what was asked for.")
    outcome: str = Field(description="applied, failed or unconfirmed")
    errno: int
    errno_name: str | None = Field(examples=["EAGAIN"])
    cause: str | None = Field(description="explicit, implicit or vmm")
    cause_certainty: str = Field(description="seen, inferred or unknown")
    range_certainty: str = Field(description="seen, inferred or unknown")
    tid: int
    vcpu: int | None
    latency_ns: int | None
    effective_pages: int | None = Field(
        description="Pages whose known state it really changed. Null: its range, direction or end "
        "is not recorded."
    )
    aux: str = Field(description="By kind, hex.")


@dataclass(frozen=True, slots=True)
class EventPaging:
    """Which page of events."""

    order: Order
    after_seq: int | None
    limit: int


def paging(
    answer: AnswerOf,
    order: Annotated[Order, Query(description="desc: the last ones, newest first.")] = Order.ASC,
    after: After = None,
    limit: Annotated[
        int | None,
        Query(
            ge=1,
            le=TABLE_LIMIT,
            description=f"At most so many. JSON: 1000 by default, {JSON_LIMIT} at most. "
            f"Tables: {TABLE_LIMIT} by default.",
        ),
    ] = None,
) -> EventPaging:
    most = limit or (1000 if answer.table is None else TABLE_LIMIT)
    if answer.table is None and most > JSON_LIMIT:
        raise BadParameter("limit", f"{most} events are too many as JSON: at most {JSON_LIMIT}")
    return EventPaging(order, None if after is None else parse_cursor(after)[0], most)


@router.get("/{vm_id}/events", response_model=Page[Event], responses=TABLE_RESPONSES)
def list_events(
    reader: ReaderOf,
    answer: AnswerOf,
    vm_id: VmId,
    query: EventQueryOf,
    asked: Annotated[EventPaging, Depends(paging)],
) -> Response:
    """Events in order of effect.

    Conversions of an unknown range and losses are in every gpa window, since they may have changed
    its state; other events of an unknown range only where no gpa is given.
    """
    page = events_page(
        reader,
        reader.vm(vm_id),
        query,
        asked.after_seq,
        asked.limit,
        is_newest_first=asked.order is Order.DESC,
    )
    following = str(page.next_after) if page.next_after is not None else None
    if answer.table is not None:
        return answer.rows(page.batches(), EVENTS, following)
    items = json_array(with_wire_forms(page.table()))
    return json_response({"items": items, "next": following, "limit": asked.limit})
