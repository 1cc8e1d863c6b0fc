"""Which events: the parameters that filter them, the same wherever events are asked for."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import WithJsonSchema

from app.api.dependencies import ReaderOf, VmId
from app.api.problems import BadParameter
from app.model.filtering import EventFilter
from app.views.choices import EVENT_FILTERS
from app.views.event_filters import CHOICES, FilterError, event_filter


def _one_of(name: str) -> WithJsonSchema:
    items = {"type": "string", "enum": list(CHOICES[name])}
    return WithJsonSchema({"type": "array", "items": items})


Texts = list[str] | None


def events_wanted(
    reader: ReaderOf,
    vm_id: VmId,
    kind: Annotated[Texts, _one_of("kind"), Query(description="Only these; repeatable.")] = None,
    outcome: Annotated[
        Texts, _one_of("outcome"), Query(description="Only these; repeatable.")
    ] = None,
    direction: Annotated[
        Texts,
        _one_of("direction"),
        Query(
            description="What a conversion, a hypercall or a state read is to; repeatable. Other "
            "kinds have none."
        ),
    ] = None,
    cause: Annotated[
        Texts,
        _one_of("cause"),
        Query(description="Repeatable. none: nothing tells, or it is no conversion."),
    ] = None,
    errno: Annotated[
        Texts, Query(description="By name or number; repeatable.", examples=[["EAGAIN"]])
    ] = None,
    vcpu: Annotated[
        Texts, Query(description="Its number, or unknown; repeatable.", examples=[["3"]])
    ] = None,
    tid: Annotated[
        Texts, Query(description="A host thread's id; repeatable.", examples=[["4242"]])
    ] = None,
    size: Annotated[
        Texts,
        _one_of("size"),
        Query(
            description="How much one call is about; repeatable. 2m is one aligned block, "
            "unaligned_2m as much elsewhere, unknown a range that is not told."
        ),
    ] = None,
    memslot: Annotated[
        Texts,
        Query(
            description="What lies in the range of this memslot while it is there; repeatable. "
            "1:2 is slot 2 of address space 1.",
            examples=[["1"]],
        ),
    ] = None,
) -> EventFilter:
    """An event must be one of those named under each parameter that is given."""
    values = (kind, outcome, direction, cause, errno, vcpu, tid, size, memslot)
    texts = dict(zip(EVENT_FILTERS, values, strict=True))
    try:
        return event_filter(reader, vm_id, texts)
    except FilterError as error:
        raise BadParameter(error.name, str(error)) from error


EventsWanted = Annotated[EventFilter, Depends(events_wanted)]
