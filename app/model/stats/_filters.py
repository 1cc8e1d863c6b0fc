"""Which events are meant, by what they are: any of several values in each of several respects."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from app.model.events import Window
from app.model.guest import Cause, EventKind, Memslot, Outcome, To
from app.model.stats._breakdowns import Columns, SizeClass, size_class_index, size_classes

Mask = npt.NDArray[np.bool_]

DIRECTED = frozenset(
    {EventKind.CONVERSION, EventKind.HYPERCALL, EventKind.STATE_READ, EventKind.DOUBT}
)
"""Kinds whose `to` means something."""


@dataclass(frozen=True, slots=True)
class SlotLife:
    """Where a memslot was, and when. Half-open."""

    first_gfn: int
    end_gfn: int
    from_t: int
    to_t: int


@dataclass(frozen=True, slots=True)
class EventFilter:
    """None: whatever it is. An event must be one of those named in every respect.

    A direction is one of those kinds that have any; a cause of NONE is whatever has none.
    """

    kinds: frozenset[EventKind] | None = None
    outcomes: frozenset[Outcome] | None = None
    directions: frozenset[To] | None = None
    causes: frozenset[Cause] | None = None
    errnos: frozenset[int] | None = None
    vcpus: frozenset[int] | None = None
    tids: frozenset[int] | None = None
    sizes: frozenset[SizeClass] | None = None
    lives: tuple[SlotLife, ...] | None = None
    """In the range of one of these memslots while it was there, by effect time."""

    @property
    def is_any(self) -> bool:
        return self == ANY

    def of_kinds(self, kinds: Collection[EventKind] | None) -> Self:
        """The same of these kinds only."""
        if kinds is None:
            return self
        both = frozenset(kinds) if self.kinds is None else self.kinds & frozenset(kinds)
        return replace(self, kinds=both)


ANY = EventFilter()


def only(*kinds: EventKind) -> EventFilter:
    """Whatever is of one of these kinds."""
    return EventFilter(kinds=frozenset(kinds))


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events of a VM: half-open in effect time and in gfns, and what they are.

    None stands for no bound. Conversions of an unknown range and losses are in every gfn window,
    since they may have changed its state; other events of an unknown range only where no gfn bound
    is given.
    """

    t_from: int | None = None
    t_to: int | None = None
    gfn_from: int | None = None
    gfn_to: int | None = None
    where: EventFilter = ANY

    @property
    def window(self) -> Window:
        return Window.of(self.t_from, self.t_to, self.gfn_from, self.gfn_to)


ALL_EVENTS = EventQuery()


def lives_of(memslots: Iterable[Memslot]) -> tuple[SlotLife, ...]:
    return tuple(
        SlotLife(slot.base_gfn, slot.end_gfn, slot.from_t, slot.end_t) for slot in memslots
    )


def matching(where: EventFilter, columns: Columns) -> Mask | None:
    """Which of these events match in the respects that the columns hold; None: all do.

    The caller asks again with the other columns, and looks after `lives` itself.
    """
    masks = [
        np.isin(columns[name], list(wanted))
        for name, wanted in _plain(where).items()
        if wanted is not None and name in columns
    ]
    if where.directions is not None and "to" in columns:
        is_directed = np.isin(columns["kind"], list(DIRECTED))
        masks.append(is_directed & np.isin(columns["to"], list(where.directions)))
    if where.sizes is not None and "npages" in columns:
        wanted = [size_class_index(size) for size in where.sizes]
        masks.append(np.isin(size_classes(columns), wanted))
    return np.logical_and.reduce(masks) if masks else None


def _plain(where: EventFilter) -> dict[str, frozenset[int] | None]:
    """The respects that are a column's value, by column."""
    named: dict[str, Collection[int] | None] = {
        "kind": where.kinds,
        "outcome": where.outcomes,
        "cause": where.causes,
        "errno": where.errnos,
        "vcpu": where.vcpus,
        "tid": where.tids,
    }
    return {name: None if values is None else frozenset(values) for name, values in named.items()}
