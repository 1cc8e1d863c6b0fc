"""Which kernel events mean what: event formats to RecordCodes.

What each event is stands in collector.kvm.catalogue. Tracepoints are known by their names, probes
only by their fields: everyone names those as he likes. A kprobe is known by __probe_ip, a kretprobe
by __probe_func. What a return probe or a probe on a system call's exit belongs to is not in its
format: see collector.trace.tracedat.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from collector.codes import RecordCode
from collector.kvm.catalogue import ALIASES, EVENTS, KernelEvent, Part, Recorded, Shape
from collector.trace.ring_buffer._formats import EventFormat, Field
from collector.trace.ring_buffer._plan import EventPlan, Value

ENTRY_ADDRESS = "__probe_ip"
FUNCTION_ADDRESS = "__probe_func"

Shapes = tuple[tuple[RecordCode, Shape], ...]


def _shapes(events: Iterable[KernelEvent]) -> Shapes:
    return tuple((event.code, shape) for event in events for shape in event.shapes)


_TRACEPOINTS = {
    point: event
    for event in EVENTS
    if event.parts and event.recorded is not Recorded.FILTERED
    for point in event.points
}
_FILTERED = {
    point: event
    for event in EVENTS
    if event.recorded is Recorded.FILTERED
    for point in event.points
}
_RENAMED = _shapes(event for event in EVENTS if event.is_known_by_fields)
_RENAMED_SYSTEM = "kvm"
EVENT_PROBES = _shapes(event for event in EVENTS if event.has_event_probe)
KPROBES = _shapes(event for event in EVENTS if event.functions)
USER_PROBES = frozenset(
    event.code for event in EVENTS if event.has_event_probe and not event.points
)
"""What only event probes have."""

_DESCRIPTORS = ("fd", "fildes", "oldfd")
_INT, _LONG = 4, 8
_TYPE = r"[us](?:8|16|32|64) "
_PROBE_TYPE = re.compile(_TYPE + r"\w+")
_PROBE_FIELD = re.compile(rf"field:{_TYPE}(?:fd|ret);|__probe_(?:ip|func);")


@dataclass(frozen=True, slots=True)
class ReturnProbe:
    """A probe of which only the result is known: which call's it is must come from the data."""

    event: EventFormat
    result: Field
    function: Field | None  # __probe_func of a kretprobe; None: on a system call's exit

    def plan(self, code: RecordCode) -> EventPlan:
        return EventPlan(self.event, code, (Value(0, self.result),))


@dataclass(slots=True)
class Matched:
    """What a recording's event formats amount to."""

    plans: list[EventPlan] = field(default_factory=list)
    kprobes: list[EventPlan] = field(default_factory=list)  # those of `plans` at kernel functions
    returns: list[ReturnProbe] = field(default_factory=list)  # not yet in `plans`


def match_formats(formats: Iterable[EventFormat], *, is_filtered: bool = False) -> Matched:
    """`is_filtered`: the events passed the filters of a live recording."""
    matched = Matched()
    for event in formats:
        plan = _tracepoint(event) or _probe(event)
        if is_filtered and event.full_name in _FILTERED:
            known = _FILTERED[event.full_name]
            plan = _plan(event, known.code, known.parts)
        if plan is not None:
            matched.plans.append(plan)
            if event.field(ENTRY_ADDRESS) is not None:
                matched.kprobes.append(plan)
        elif (probe := _return_probe(event)) is not None:
            matched.returns.append(probe)
    return matched


def _tracepoint(event: EventFormat) -> EventPlan | None:
    known = _TRACEPOINTS.get(event.full_name)
    if known is not None:
        return _plan(event, known.code, known.parts)
    if event.system != _RENAMED_SYSTEM:
        return None
    return _by_shape(event, _RENAMED)


def _probe(event: EventFormat) -> EventPlan | None:
    if not _is_probe(event) or event.field(FUNCTION_ADDRESS) is not None:
        return None
    return _by_shape(event, EVENT_PROBES if event.field(ENTRY_ADDRESS) is None else KPROBES)


def _by_shape(event: EventFormat, shapes: Shapes) -> EventPlan | None:
    names = frozenset(canonical(name) for name in event.own_names if not _is_address(name))
    for code, shape in shapes:
        if shape.fits(names):
            return _plan(event, code, shape.parts, shape.flags)
    return None


def _return_probe(event: EventFormat) -> ReturnProbe | None:
    if not _is_probe(event):
        return None
    own = [name for name in event.own_names if not _is_address(name)]
    if own not in (["ret"], ["fd"]) or event.field(ENTRY_ADDRESS) is not None:
        return None
    result, function = event.field(own[0]), event.field(FUNCTION_ADDRESS)
    if result is None or not result.is_integer or (function is None and own != ["ret"]):
        return None
    return ReturnProbe(event, result, function)


def _plan(
    event: EventFormat, code: RecordCode, wanted: Iterable[Part], flags: int = 0
) -> EventPlan | None:
    """The plan, or None if the event lacks a field that nothing can stand in for."""
    fields = {canonical(f.name): f for f in event.fields} | {f.name: f for f in event.fields}
    values = []
    for part in wanted:
        found = fields.get(part.name)
        if found is not None and found.is_integer:
            values.append(Value(part.index, _as_number(found), shift=part.shift))
        elif part.default is not None:
            values.append(Value(part.index, constant=part.default, shift=part.shift))
        else:
            return None
    return EventPlan(event, code, tuple(values), flags)


def _as_number(found: Field) -> Field:
    """System calls keep an int in 8 bytes, not extended by its sign: -1 as 0xffffffff."""
    if found.name in _DESCRIPTORS and found.size == _LONG:
        return replace(found, size=_INT, is_signed=True)
    return found


def _is_probe(event: EventFormat) -> bool:
    """Probes have one of few fields, and types of the tracer's own: "int ret" is a tracepoint's.

    The look at the text comes first: it spares parsing the formats of a thousand tracepoints.
    """
    if _PROBE_FIELD.search(event.text) is None:
        return False
    own = (f for f in event.fields if not f.name.startswith(("common_", "__probe_")))
    return all(_PROBE_TYPE.fullmatch(field.declaration) for field in own)


def canonical(name: str) -> str:
    return ALIASES.get(name, name)


def _is_address(name: str) -> bool:
    return name.startswith("__probe_")
