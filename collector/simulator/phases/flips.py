"""Steady virtio traffic: pages become shared for a transfer and private again after it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.model.events import Cause, EventArray, To, effect_time
from collector.simulator.machine import Place
from collector.simulator.rows import REQUEST_LEAD_NS, conversions, with_company
from collector.simulator.stage import Part, Stage, to_ns

WINDOW_NS = to_ns(4.0)
SHORTEST_HOLD_NS = to_ns(0.02)
LONGEST_HOLD_NS = to_ns(0.9)
MARGIN_NS = to_ns(0.01)


@dataclass(frozen=True, slots=True)
class Flips:
    """`rate` conversions of single pages a second, each page back before its window of 4 s ends."""

    start: float
    duration: float
    rate: float
    place: Place

    def perform(self, stage: Stage) -> Part:
        return Part(self._windows(stage))

    def _windows(self, stage: Stage) -> Iterator[EventArray]:
        end = stage.begin + to_ns(self.duration)
        for begin in range(stage.begin, end, WINDOW_NS):
            length = min(WINDOW_NS, end - begin)
            if length > LONGEST_HOLD_NS + 2 * MARGIN_NS:
                yield self._window(stage, begin, length)

    def _window(self, stage: Stage, begin: int, length: int) -> EventArray:
        rng, machine = stage.rng, stage.machine
        area = machine.area(self.place)
        count = min(round(self.rate * length / 2e9), area.npages)
        pages = area.first_gfn + rng.choice(area.npages, count, replace=False)
        latest = length - LONGEST_HOLD_NS - MARGIN_NS
        shared_at = begin + REQUEST_LEAD_NS + rng.integers(0, latest, count)
        private_at = shared_at + rng.integers(SHORTEST_HOLD_NS, LONGEST_HOLD_NS, count)
        vcpu = rng.integers(0, machine.vcpus, count, dtype=np.int16)
        calls = conversions(
            machine,
            rng,
            np.concatenate([shared_at, private_at]),
            np.tile(pages, 2).astype(np.uint64),
            np.ones(2 * count, np.uint64),
            np.repeat(np.array([To.SHARED, To.PRIVATE], np.uint8), count),
            np.tile(vcpu, 2),
            Cause.EXPLICIT,
        )
        moments = effect_time(calls)
        if count:
            stage.ledger.plant("steady traffic", int(moments.min()), int(moments.max()), moments)
        return with_company(machine, rng, calls)
