"""Steady virtio traffic: pages become shared for a transfer and private again after it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, To
from collector.simulator import (
    REQUEST_LEAD_NS,
    Part,
    Place,
    Stage,
    conversions,
    to_ns,
    with_company,
)

WINDOW_NS = to_ns(4.0)
LONGEST_HOLD_NS = to_ns(0.9)
JITTER = 0.3
"""Of a beat. Pages are shared around full beats and taken back around half ones: calls of one
vCPU never meet."""


@dataclass(frozen=True, slots=True)
class Flips:
    """`rate` conversions of single pages a second, each page back before its window of 4 s ends."""

    start: float
    duration: float
    rate: float
    place: Place
    vcpu: int = 0

    def perform(self, stage: Stage) -> Part:
        return Part(self._windows(stage))

    def _windows(self, stage: Stage) -> Iterator[EventArray]:
        end = stage.begin + to_ns(self.duration)
        for begin in range(stage.begin, end, WINDOW_NS):
            length = min(WINDOW_NS, end - begin)
            if length > 2 * LONGEST_HOLD_NS:
                yield self._window(stage, begin, length)

    def _window(self, stage: Stage, begin: int, length: int) -> EventArray:
        rng, machine = stage.rng, stage.machine
        area = machine.area(self.place)
        count = min(round(self.rate * length / 2e9), area.npages)
        pages = area.first_gfn + rng.choice(area.npages, count, replace=False)
        beat = (length - LONGEST_HOLD_NS) // (count + 1)
        hold = 0.5 + int(rng.integers(0, max(LONGEST_HOLD_NS // beat - 1, 1)))
        shared_at = np.arange(count) + rng.uniform(0, JITTER, count)
        private_at = np.arange(count) + hold + rng.uniform(0, JITTER, count)
        beats = np.concatenate([shared_at, private_at])
        calls = conversions(
            machine,
            rng,
            begin + REQUEST_LEAD_NS + (beats * beat).astype(np.int64),
            np.tile(pages, 2).astype(np.uint64),
            np.ones(2 * count, np.uint64),
            np.repeat(np.array([To.SHARED, To.PRIVATE], np.uint8), count),
            np.full(2 * count, self.vcpu % machine.vcpus, np.int16),
            Cause.EXPLICIT,
        )
        moments = effect_time(calls)
        if count:
            stage.ledger.plant("steady traffic", int(moments.min()), int(moments.max()), moments)
        return with_company(machine, rng, calls)
