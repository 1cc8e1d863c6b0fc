"""Keeping a database within its limits, a step at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.model.stats import BIN_SHIFT
from app.queries.retention._policy import (
    MARGIN_NS,
    Choice,
    Going,
    Limits,
    by_age,
    by_size,
)
from app.queries.storms import BOOT, PAGES_CHANGED, Boot, StormList, StormRow, Storms
from app.store.catalogue import keep_storms
from app.store.database import give_back_steps
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.retention import (
    Group,
    forget_cells,
    groups,
    retire_steps,
    space,
)

LOOK_NS = 60 * 10**9
"""Ages are looked at so often; the size, each time."""
MOST_AT_ONCE = 1000
"""Groups that go at one look: what happens meanwhile is looked at then."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went at one look."""

    groups: int = 0
    detail_bytes: int = 0
    is_too_large: bool = False
    """There is nothing left that could go."""


class Keeping:
    """Lets go what is too old or too much of the live recordings of a database. Before the events
    of a time go, its storms are written down, by the usual thresholds.

    Storms are found as everywhere (app.queries.storms); those that are younger than the limit pin
    the groups that they are in, and what is near.
    """

    def __init__(self, reader: Reader, limits: Limits, clock_ns: Callable[[], int]) -> None:
        """`clock_ns`: UNIX time."""
        self._reader = reader
        self._storms = Storms(reader)
        self._limits = limits
        self._clock_ns = clock_ns
        self._looked_ns: int | None = None

    def steps(self) -> Iterator[Gone]:
        """Let go all that is due. A step is short, and says what went so far."""
        gone = Gone()
        for _ in range(MOST_AT_ONCE):
            choice = self._next()
            if choice is None:
                break
            yield from (gone for _ in self._let_go(choice))
            gone = Gone(gone.groups + 1, gone.detail_bytes + choice.group.detail_bytes)
        engine, most = self._reader.engine, self._limits.nbytes
        if most is not None and space(engine).file_bytes > most:
            yield from (gone for _ in give_back_steps(engine, most))
        is_too_large = self._limits.are_reached_by(space(engine))
        yield Gone(gone.groups, gone.detail_bytes, is_too_large)

    def _next(self) -> Choice | None:
        engine, now_ns = self._reader.engine, self._clock_ns()
        is_too_much = self._limits.are_reached_by(space(engine))
        if not is_too_much and not self._is_time_to_look(now_ns):
            return None
        found = groups(engine)
        pins: dict[int, list[tuple[int, int]]] = {}

        def is_pinned(group: Group) -> bool:
            if group.vm_id not in pins:
                pins[group.vm_id] = self._pinned(group, now_ns)
            return any(group.meets(*pin) for pin in pins[group.vm_id])

        due = by_age(found, now_ns, self._limits, is_pinned)
        if due is None and is_too_much:
            due = by_size(found, self._limits, is_pinned)
        self._looked_ns = now_ns if due is None else None
        return due

    def _is_time_to_look(self, now_ns: int) -> bool:
        """For what is old: all segments are listed for it."""
        return self._looked_ns is None or abs(now_ns - self._looked_ns) >= LOOK_NS

    def _pinned(self, group: Group, now_ns: int) -> list[tuple[int, int]]:
        """Times that are kept of the VM of a group."""
        since_t = group.last_t - group.ended_ns + now_ns - (self._limits.storms_ns or now_ns)
        return [
            (storm.from_t - MARGIN_NS, storm.to_t + MARGIN_NS)
            for storm in self._listed(group).storms
            if storm.is_kept and storm.to_t >= since_t
        ]

    def _let_go(self, choice: Choice) -> Iterator[None]:
        engine, group = self._reader.engine, choice.group
        if choice.going is Going.ALL_CELLS:
            forget_cells(engine, group)
            yield
            return
        if choice.going is Going.DETAIL:
            before_t = (group.last_t >> BIN_SHIFT) + 1 << BIN_SHIFT
            keep_storms(engine, group.vm_id, storms_to_keep(self._listed(group), before_t))
        yield from retire_steps(engine, group)

    def _listed(self, group: Group) -> StormList:
        try:
            return self._storms.list(self._reader.vm(group.vm_id))
        except NotFound:  # deleted meanwhile
            return StormList(group.vm_id, [], [], None, None)


def storms_to_keep(found: StormList, before_t: int) -> list[dict[str, Any]]:
    """Values of rows, of what began before an instant."""
    rows = [_values(one) for one in found.storms if one.from_t < before_t]
    if found.boot is not None and found.boot.from_t < before_t:
        rows.append(_boot_values(found.boot))
    return rows


def _values(one: StormRow) -> dict[str, Any]:
    return {
        "storm_id": one.id,
        "kind": str(one.kind),
        "from_t": one.from_t,
        "to_t": one.to_t,
        "in_boot": one.in_boot,
        "calls": one.calls,
        "failed": one.failed,
        "page_faults": None,
        "peak_per_second": one.peak_per_second,
        "pages_changed": one.pages_changed,
        "is_at_least": PAGES_CHANGED in one.at_least,
    }


def _boot_values(boot: Boot) -> dict[str, Any]:
    return {
        "storm_id": BOOT,
        "kind": BOOT,
        "from_t": boot.from_t,
        "to_t": boot.to_t,
        "in_boot": True,
        "calls": boot.conversions,
        "failed": boot.failed,
        "page_faults": boot.page_faults,
        "peak_per_second": boot.peak_per_second,
        "pages_changed": boot.pages_changed,
        "is_at_least": PAGES_CHANGED in boot.at_least,
    }
