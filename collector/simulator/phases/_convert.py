"""Ranges of a pattern are converted one after the other: most of what guests do at boot."""

from dataclasses import dataclass

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, To
from collector.simulator import (
    REQUEST_LEAD_NS,
    Part,
    Pattern,
    Ranges,
    Stage,
    conversions,
    to_ns,
    with_company,
)


@dataclass(frozen=True, slots=True)
class Convert:
    """Convert each range of `pattern` once, evenly spread over `duration` with some jitter.

    `label` names what it is in the truth file. `punches` False: this VMM forgets to free the
    private half of what became shared.
    """

    start: float
    duration: float
    pattern: Pattern
    to: To
    label: str
    cause: Cause = Cause.EXPLICIT
    vcpus: tuple[int, ...] = (0,)  # take turns
    punches: bool = True

    def perform(self, stage: Stage) -> Part:
        ranges = self.pattern.ranges(stage)
        calls = self._calls(stage, ranges)
        moments = effect_time(calls)
        stage.ledger.plant(
            self.label,
            stage.begin,
            int(moments.max(initial=stage.begin)),
            moments,
            direction=self.to.name.lower(),
            cause=self.cause.name.lower(),
            pages=int(ranges.npages.sum()),
            is_punched=self.punches if self.to == To.SHARED else None,
        )
        return Part([with_company(stage.machine, stage.rng, calls, punched=self.punches)])

    def _calls(self, stage: Stage, ranges: Ranges) -> EventArray:
        """Each range is converted within its own time slot, so calls keep the pattern's order."""
        slots = np.linspace(0, to_ns(self.duration), len(ranges) + 1).astype(np.int64)
        turns = np.resize(np.array(self.vcpus, np.int16) % stage.machine.vcpus, len(ranges))
        calls = conversions(
            stage.machine,
            stage.rng,
            stage.begin + slots[:-1] + REQUEST_LEAD_NS,
            ranges.gfn,
            ranges.npages,
            np.full(len(ranges), self.to, np.uint8),
            turns,
            self.cause,
        )
        spare = np.maximum(np.diff(slots) - calls["latency_ns"] - REQUEST_LEAD_NS, 0)
        calls["t"] += (spare * stage.rng.uniform(0.0, 0.8, len(calls))).astype(np.int64)
        return calls
