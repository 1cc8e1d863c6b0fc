"""Figures that the recording does not hold in full. Without numpy, which `list` does not load."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import Field

from app.store.schema import Recording, Vm

NOT_RECORDED = "not recorded"
AT_LEAST = "at least"

AtLeast = Annotated[
    list[str],
    Field(
        description="Which of these numbers are lower bounds, because the recording does not hold "
        "all that they count. Null: it holds nothing of it."
    ),
]

_CAPABILITIES = {
    "conversion": "conversions",
    "hypercall": "hypercalls",
    "memory_fault": "causes",
    "page_fault": "page-faults",
    "punch_hole": "fallocate",
    "allocate": "fallocate",
    "memslot": "memslots",
}
"""By kind of event, as `Vm.events_by_kind` calls it: what a coverage calls to see it."""


Number = TypeVar("Number", int, float)


def known(sum_: Number | None, *, is_open: bool) -> Number | None:
    """None where a sum excludes nothing: that it is at least 0."""
    return None if is_open and not sum_ else sum_


def bounded(
    sums: Mapping[str, Number | None], open_sums: Collection[str]
) -> tuple[dict[str, Number | None], list[str]]:
    """(what is known of each, names of those that are lower bounds)."""
    values = {name: known(number, is_open=name in open_sums) for name, number in sums.items()}
    return values, [name for name in sums if name in open_sums and values[name] is not None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number of pages that is not known better than this."""

    lower: int
    upper: int


class Part(Protocol):
    """A part of a view that names which of its figures are lower bounds."""

    @property
    def at_least(self) -> list[str]: ...


def figure(part: Part, name: str, write: Callable[[Any], str]) -> str:
    """A figure of a view in words."""
    value = getattr(part, name)
    if value is None:
        return NOT_RECORDED
    return f"{AT_LEAST} {write(value)}" if name in part.at_least else write(value)


def is_recorded(coverage: Mapping[str, Any], kind: str) -> bool:
    """Whether a recording could hold events of a kind; where it does not list them, it could."""
    capability = _CAPABILITIES.get(kind, "")
    sees = coverage.get("sees") or {}
    missing = (spot["capability"] for spot in coverage.get("missing") or ())
    return bool(sees.get(capability, True)) and capability not in missing


def could_hold(vm: Vm, recording: Recording, kind: str) -> bool:
    """Whether there being no event of a kind means that there was none."""
    return bool(vm.events_by_kind.get(kind)) or is_recorded(recording.coverage, kind)
