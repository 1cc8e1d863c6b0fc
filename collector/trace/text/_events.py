"""What is known of each event by its name: how its lines look, in every form of text trace.

The patterns stand in collector.kvm.catalogue.
"""

import re
from dataclasses import replace

from collector.codes import RecordCode
from collector.kvm.catalogue import EVENTS, KernelEvent, Shape
from collector.trace.ring_buffer import EVENT_PROBES, KPROBES, Shapes, canonical
from collector.trace.text._templates import Store, Template, constant
from collector.trace.tracedat import RETURN_OF_ENTRY

_PLACE = re.compile(r"\(([^\s)]+)(?: <- [^)]*)?\) ")
_FIELD = re.compile(r"(\w+)=(?:-?\d+|0x[0-9a-f]+)")
_RETURNS = {("ret",), ("fd",)}


class Probes:
    """What the probes met so far are."""

    def __init__(self) -> None:
        self._entry_at: dict[str, RecordCode] = {}  # address of a function -> its kprobe

    def templates_of(self, name: str, payload: str) -> tuple[Template, ...]:
        """How the lines look of a probe that printed this; none if it is none that we know."""
        place = _PLACE.match(payload)
        words = payload[place.end() if place else 0 :].split()
        fields = [one[1] for word in words if (one := _FIELD.fullmatch(word))]
        if not fields or len(fields) != len(words):
            return ()
        prefix = "(~) " if place else ""
        if tuple(fields) in _RETURNS:
            code = self._return(name, place)
            return () if code is None else (Template(code, f"{prefix}{fields[0]}=#"),)
        found = _fitting(fields, KPROBES if place else EVENT_PROBES)
        if found is None:
            return ()
        code, shape = found
        if place:
            self._entry_at[place[1]] = code
        return (_template(code, shape, fields, prefix),)

    def _return(self, name: str, place: re.Match[str] | None) -> RecordCode | None:
        if place is None:  # of a system call: the result alone does not show of which
            is_fallocate = "fallocate" in name
            return RecordCode.FALLOCATE_EXIT if is_fallocate else RecordCode.IOCTL_EXIT
        entry = self._entry_at.get(place[1])
        return None if entry is None else RETURN_OF_ENTRY.get(entry)


def _fitting(fields: list[str], shapes: Shapes) -> tuple[RecordCode, Shape] | None:
    names = frozenset(map(canonical, fields))
    return next((one for one in shapes if one[1].fits(names)), None)


def _template(code: RecordCode, shape: Shape, fields: list[str], prefix: str) -> Template:
    by_name = {part.name: part for part in shape.parts}
    stores = [
        Store(by_name[name].index, by_name[name].shift)
        if (name := canonical(field)) in by_name
        else Store(0, factor=0)
        for field in fields
    ]
    constants = [
        constant(part.index, part.default)
        for part in shape.parts
        if part.default is not None and part.name not in map(canonical, fields)
    ]
    pattern = prefix + " ".join(f"{field}=#" for field in fields)
    return Template(code, pattern, tuple(stores), tuple(constants), shape.flags)


_ENTER, _EXIT = "syscalls:sys_enter_", "syscalls:sys_exit_"


def _templates(event: KernelEvent) -> tuple[Template, ...]:
    return tuple(
        Template(event.code, line.pattern, line.stores, line.constants) for line in event.lines
    )


_BY_POINT = {point: _templates(event) for event in EVENTS for point in event.points}
_BY_NAME = {point.split(":")[1]: templates for point, templates in _BY_POINT.items()}
_CALLS = {point.removeprefix(_ENTER) for point in _BY_POINT if point.startswith(_ENTER)}


class KnownEvents:
    """What an event is by its name, or, if it is a probe, by what it prints."""

    def __init__(self) -> None:
        self._probes = Probes()

    def templates_of(self, name: str, payload: str) -> tuple[Template, ...]:
        """How the lines of an event look; none if it is not needed."""
        return (
            by_name(name)
            or in_trace_file(name, payload)
            or self._probes.templates_of(name, payload)
        )


def by_name(name: str) -> tuple[Template, ...]:
    """By a name as perf and trace-cmd print it; perf names the system too."""
    return _BY_NAME.get(name.rsplit(":", 1)[-1], ())


def in_trace_file(name: str, payload: str) -> tuple[Template, ...]:
    """System calls in the tracing file `trace`: `sys_ioctl(fd: 5, ...)` and `sys_ioctl -> 0x0`."""
    call = name.removeprefix("sys_")
    if call == name or call not in _CALLS:
        return ()
    if payload.startswith("("):
        return tuple(replace(one, pattern=f"({one.pattern}") for one in _BY_POINT[_ENTER + call])
    return tuple(replace(one, pattern=f"-> {one.pattern}") for one in _BY_POINT[_EXIT + call])
