"""How much of a VM's guest_memfds exists, as it was counted last."""

from dataclasses import dataclass

from app.model.guest import EventKind
from app.model.stats import EventQuery, only
from app.queries.figures import row_id
from app.store.read import Reader
from app.store.schema import Vm

COUNTED = EventKind.POPULATION.name.lower()
_COUNTS = EventQuery(where=only(EventKind.POPULATION))
"""As `Vm.events_by_kind` calls it."""


@dataclass(frozen=True, slots=True)
class Population:
    """Pages that existed at an instant, over all guest_memfds of a VM."""

    pages: int
    t: int


def last_population(reader: Reader, vm: Vm) -> Population | None:
    """None if nobody counted."""
    if not vm.events_by_kind.get(COUNTED):
        return None
    last: Population | None = None
    for events, _ in reader.iter_events(row_id(vm), _COUNTS):
        if not len(events):
            continue
        t = int(events["t"][-1])
        pages = int(events["aux"][events["t"] == t].sum())
        before = last.pages if last is not None and last.t == t else 0
        last = Population(pages + before, t)
    return last
