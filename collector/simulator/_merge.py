"""Parts that overlap in time become one sequence in order of effect time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray, effect_time
from collector.simulator._facts import Fact, LossWindow, Plan
from collector.simulator._rows import in_effect_order
from collector.simulator._stage import Part

FOREVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A part that has nothing before `begin` and is asked for no earlier than needed."""

    begin: int
    part: Part


class _Feed:
    """One part's rows: those made but not yet taken, and how far they reach."""

    def __init__(self, blocks: Iterable[EventArray]) -> None:
        self._blocks = iter(blocks)
        self._rows: EventArray = np.zeros(0, EVENT)
        self._times: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.reach = 0
        """All rows before it are made."""
        self.refill()

    def refill(self) -> None:
        block = next((block for block in self._blocks if len(block)), None)
        if block is None:
            self.reach = FOREVER
            return
        self._rows = np.concatenate([self._rows, block]) if len(self._rows) else block
        self._times = effect_time(self._rows)
        if np.any(self._times[1:] < self._times[:-1]):
            raise ValueError("a phase must make its rows in order of effect time")
        self.reach = int(self._times[-1])

    def take(self, before: int) -> EventArray:
        end = int(np.searchsorted(self._times, before, "left"))
        taken = self._rows[:end]
        self._rows, self._times = self._rows[end:], self._times[end:]
        return taken

    @property
    def is_spent(self) -> bool:
        return self.reach == FOREVER and not len(self._rows)


def in_time_order(schedule: Iterator[Scheduled]) -> Iterator[Plan]:
    """Merge parts, given in order of `begin`; there may be endlessly many.

    Of one instant, facts come before rows, and earlier parts before later ones: the result does
    not depend on how parts cut their rows into blocks.
    """
    feeds: list[_Feed] = []
    facts: list[Fact | LossWindow] = []
    upcoming = next(schedule, None)
    while upcoming or feeds or facts:
        begin = FOREVER if upcoming is None else upcoming.begin
        horizon = min([begin, *(feed.reach for feed in feeds)])
        yield from _woven(_merged([feed.take(horizon) for feed in feeds]), _due(facts, horizon))
        if upcoming and begin == horizon:
            feeds.append(_Feed(upcoming.part.blocks))
            facts.extend(upcoming.part.facts)
            upcoming = next(schedule, None)
        else:
            for feed in feeds:
                if feed.reach == horizon:
                    feed.refill()
        feeds = [feed for feed in feeds if not feed.is_spent]


def _merged(parts: list[EventArray]) -> EventArray:
    filled = [part for part in parts if len(part)]
    if len(filled) == 1:
        return filled[0]
    return in_effect_order(*filled) if filled else np.zeros(0, EVENT)


def _due(facts: list[Fact | LossWindow], horizon: int) -> list[Fact | LossWindow]:
    """Take the facts before the horizon out of the list, by time."""
    due = sorted((fact for fact in facts if fact.t < horizon), key=attrgetter("t"))
    facts[:] = [fact for fact in facts if fact.t >= horizon]
    return due


def _woven(rows: EventArray, facts: list[Fact | LossWindow]) -> Iterator[Plan]:
    cuts = np.searchsorted(effect_time(rows), [fact.t for fact in facts], "left")
    begin = 0
    for fact, cut in zip(facts, cuts.tolist(), strict=True):
        if cut > begin:
            yield rows[begin:cut]
        yield fact
        begin = cut
    if len(rows) > begin:
        yield rows[begin:]
