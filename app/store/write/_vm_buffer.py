"""What one VM was given since its last sealed segment, already painted on its page map."""

from dataclasses import dataclass, field

import numpy as np

from app.compiled import whole
from app.model.events import (
    CHANGE,
    EVENT,
    LIMIT,
    ChangeArray,
    EventArray,
    effect_time,
    learning_events,
)
from app.model.guest import Memslot
from app.model.pagemap import PageMap
from app.model.stats import FlipHistory
from app.store.codecs import EVERYWHERE, SOMEWHERE, places_of

SEGMENT_EVENTS = 1 << 17
"""Events of a sealed segment: enough to compress well, few enough to decode in milliseconds."""
CHANGES_PER_EVENT = 4
"""A segment with more changes than so many times its events' number is full, too."""
PAINT_EVENTS = 1 << 13
"""So many are taken and painted at a time, while they are in the processor's cache."""
_FIRST_CAPACITY = 1 << 8


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a VM's history: how many events and changes lie before it."""

    events: int = 0
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """An interval of a VM's history, ready to become a segment."""

    start: Position
    events: EventArray
    changes: ChangeArray

    @property
    def is_empty(self) -> bool:
        return not len(self.events) and not len(self.changes)

    def times(self) -> tuple[int, int]:
        """First and last effect time."""
        effects = [effect_time(self.events[[0, -1]])] if len(self.events) else []
        changes = [self.changes["t"][[0, -1]]] if len(self.changes) else []
        both = np.concatenate(effects + changes)
        return int(both.min()), int(both.max())

    def gfns(self) -> tuple[int, int]:
        """The gfns that its events and changes lie in; (0, 0) if none names one, all if any may."""
        places = places_of(self.events["kind"], self.events["range_certainty"])
        if (places == EVERYWHERE).any() or (self.changes["npages"] == 0).any():
            return 0, LIMIT
        first = np.concatenate([self.events["gfn"][places == SOMEWHERE], self.changes["gfn"]])
        if not len(first):
            return 0, 0
        npages = [self.events["npages"][places == SOMEWHERE], self.changes["npages"]]
        end = first + np.maximum(np.concatenate(npages), 1)
        return int(first.min()), int(end.max())


@dataclass(slots=True)
class VmBuffer:
    """Holds a VM's events and changes from `sealed` on. Times may not decrease."""

    page_map: PageMap
    flips: FlipHistory = field(default_factory=FlipHistory)
    capacity: int = SEGMENT_EVENTS
    sealed: Position = Position()
    learning: int = 0  # events by which pages became known, of all that were painted
    _events: EventArray = field(default_factory=lambda: np.empty(_FIRST_CAPACITY, dtype=EVENT))
    _count: int = 0
    _painted: int = 0
    _changes: list[ChangeArray] = field(default_factory=list)
    _change_count: int = 0

    @property
    def end(self) -> Position:
        return Position(self.sealed.events + self._count, self.sealed.changes + self._change_count)

    @property
    def held_events(self) -> int:
        return self._count

    @property
    def oldest_t(self) -> int | None:
        """When the first event that is held began."""
        return int(self._events["t"][0]) if self._count else None

    def held(self, first: int) -> EventArray:
        """The events held, from the given one on."""
        return self._events[first : self._count]

    @property
    def _fill(self) -> float:
        changes = self._change_count / CHANGES_PER_EVENT
        return max(float(self._count), changes) / self.capacity

    @property
    def is_full(self) -> bool:
        return self._fill >= 1.0

    @property
    def is_nearly_full(self) -> bool:
        return self._fill >= 0.5

    @property
    def room(self) -> int:
        """How many events may be appended at once."""
        return min(self.capacity - self._count, PAINT_EVENTS)

    def hold(self, events: EventArray, changes: ChangeArray) -> None:
        """Begin with what the page map has seen already, and the database holds unsealed."""
        self._events = events
        self._count = self._painted = len(events)
        self._keep(changes)

    def append(self, events: EventArray) -> None:
        """Take events, no more than there is room for."""
        self._make_room(len(events))
        whole(self._events)[self._count : self._count + len(events)] = whole(events)
        self._count += len(events)
        if self._count - self._painted >= PAINT_EVENTS:
            self.paint()

    def paint(self) -> None:
        """Apply what was appended to the page map, which fills in effective_pages."""
        if self._painted == self._count:
            return
        fresh = self._events[self._painted : self._count]
        changes = self.page_map.apply(fresh, self.sealed.events + self._painted)
        self._painted = self._count
        if len(changes):
            self.learning += len(learning_events(changes))
            self._keep(self.flips.mark(changes))

    def set_memslot(self, memslot: Memslot) -> None:
        self.paint()
        self._keep(self.page_map.set_memslot(memslot))

    def delete_memslot(self, as_id: int, slot: int, t: int) -> None:
        self.paint()
        self._keep(self.page_map.delete_memslot(as_id, slot, t))

    def part(self, start: Position, end: Position) -> Part:
        """A painted interval within what is held."""
        if len(self._changes) > 1:
            self._changes = [np.concatenate([whole(rows) for rows in self._changes]).view(CHANGE)]
        changes = self._changes[0] if self._changes else np.empty(0, dtype=CHANGE)
        return Part(
            start,
            self._events[start.events - self.sealed.events : end.events - self.sealed.events],
            changes[start.changes - self.sealed.changes : end.changes - self.sealed.changes],
        )

    def forget_sealed(self) -> None:
        """Everything held was written in a sealed segment: start the next one."""
        self.sealed = self.end
        self._count = self._painted = self._change_count = 0
        self._changes = []

    def _keep(self, changes: ChangeArray) -> None:
        """Changes that events made are marked (`FlipHistory`) first; no others are flips."""
        if len(changes):
            self._changes.append(changes)
            self._change_count += len(changes)

    def _make_room(self, count: int) -> None:
        needed = self._count + count
        if needed <= len(self._events):
            return
        grown = np.empty(min(max(needed, 4 * len(self._events)), self.capacity), dtype=EVENT)
        whole(grown)[: self._count] = whole(self._events)[: self._count]
        self._events = grown
