"""Filters of events as people write them: in an address, on the command line."""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from app.model.guest import UNKNOWN_VCPU, Cause, EventKind, Memslot, Outcome, To
from app.model.stats import EventFilter, SizeClass, SlotLife, lives_of
from app.queries.choices import EVENT_PARAMETERS, EventParameter
from app.queries.tables import ERRNO_LIMIT, ERRNO_NAMES
from app.store.read import Reader

NOT_KNOWN = "unknown"
SIZES = {
    "4k": SizeClass.PAGE,
    "2m": SizeClass.BLOCK,
    "below_2m": SizeClass.BELOW,
    "above_2m": SizeClass.ABOVE,
    "unaligned_2m": SizeClass.UNALIGNED,
    NOT_KNOWN: SizeClass.UNKNOWN,
}
SIZE_NAMES = {size: name for name, size in SIZES.items()}


class FilterError(ValueError):
    """A filter that means nothing; the message names what it should be."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


def members(names: type[IntEnum]) -> dict[str, Any]:
    """An enumeration by the names that people use."""
    return {member.name.lower(): member for member in names}


CHOICES: dict[str, dict[str, Any]] = {
    "kind": members(EventKind),
    "outcome": members(Outcome),
    "direction": members(To),
    "cause": members(Cause),
    "size": SIZES,
}
"""What each respect with a few values can be."""


def _member_of(name: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:  # noqa: ANN401 -- a member of one of the enumerations
        if text not in CHOICES[name]:
            raise ValueError(f"{text!r} is none of {', '.join(CHOICES[name])}")
        return CHOICES[name][text]

    return parse


def _errno(text: str) -> int:
    if text.upper() in ERRNO_NAMES:
        return ERRNO_NAMES.index(text.upper())
    return _whole(text, ERRNO_LIMIT, "an errno's name or number: EAGAIN, 11")


def _vcpu(text: str) -> int:
    if text == NOT_KNOWN:
        return UNKNOWN_VCPU
    return _whole(text, 1 << 15, f"a vCPU's number, or {NOT_KNOWN}")


def _tid(text: str) -> int:
    return _whole(text, 1 << 31, "a host thread's id")


def _slot(text: str) -> tuple[int, int]:
    """(address space, slot)."""
    space, _, slot = text.rpartition(":")
    what = "a memslot's id, or 1:2 for slot 2 of address space 1"
    return _whole(space or "0", 1 << 15, what), _whole(slot, 1 << 15, what)


def _whole(text: str, limit: int, what: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < limit):
        raise ValueError(f"{text!r} is not {what}")
    return int(text)


_PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "kind": ("kinds", _member_of("kind")),
    "outcome": ("outcomes", _member_of("outcome")),
    "direction": ("directions", _member_of("direction")),
    "cause": ("causes", _member_of("cause")),
    "errno": ("errnos", _errno),
    "vcpu": ("vcpus", _vcpu),
    "tid": ("tids", _tid),
    "size": ("sizes", _member_of("size")),
}


def _declared(parameter: EventParameter) -> tuple[Any, Any]:
    """A field of the query model: texts, of which OpenAPI lists what they may be."""
    examples = [[parameter.example]] if parameter.example else None
    field = Field(None, description=parameter.description, examples=examples)
    if parameter.name not in CHOICES:
        return list[str] | None, field
    items = {"type": "string", "enum": list(CHOICES[parameter.name])}
    return Annotated[list[str] | None, WithJsonSchema({"type": "array", "items": items})], field


if TYPE_CHECKING:

    class EventFilters(BaseModel):
        """Filters of events as people write them: a field for each of `EVENT_PARAMETERS`."""

else:
    EventFilters = create_model(
        "EventFilters", **{one.name: _declared(one) for one in EVENT_PARAMETERS}
    )


def event_filter(reader: Reader, vm_id: int, filters: EventFilters) -> EventFilter:
    """What `EventFilters` mean for a VM; nothing given is anything. Raises FilterError."""
    texts: dict[str, list[str]] = filters.model_dump(exclude_none=True)
    values: dict[str, Any] = {}
    for name, (field, parse) in _PARSERS.items():
        if texts.get(name):
            values[field] = frozenset(_parsed(name, parse, texts[name]))
    slots = texts.get("memslot")
    if slots:
        wanted = _parsed("memslot", _slot, slots)
        values["lives"] = _lives(reader.memslots(vm_id), wanted)
    return EventFilter(**values)


def _parsed(name: str, parse: Callable[[str], Any], texts: Iterable[str]) -> list[Any]:
    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise FilterError(name, str(error)) from error


def _lives(memslots: Sequence[Memslot], wanted: Iterable[tuple[int, int]]) -> tuple[SlotLife, ...]:
    known = dict.fromkeys((slot.as_id, slot.slot) for slot in memslots if slot.slot >= 0)
    for one in wanted:
        if one not in known:
            there = ", ".join(map(slot_text, known)) or "none that is known"
            raise FilterError("memslot", f"this VM had no memslot {slot_text(one)}; it had {there}")
    chosen = set(wanted)
    return lives_of(slot for slot in memslots if (slot.as_id, slot.slot) in chosen)


def slot_text(slot: tuple[int, int]) -> str:
    """As it is written in a filter."""
    space, number = slot
    return f"{space}:{number}" if space else str(number)
