"""What is known of each event by its name: how its lines look, in every form of text trace.

The patterns stand in collector.kvm.catalogue.
"""

from dataclasses import replace

from collector.kvm.catalogue import EVENTS, KernelEvent
from collector.trace.text._probes import Probes
from collector.trace.text._templates import Template

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
