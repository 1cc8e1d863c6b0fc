"""A driver that shares the same pages for each transfer and takes them back after it."""

from dataclasses import dataclass

import numpy as np

from app.model.events import effect_time
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


@dataclass(frozen=True, slots=True)
class PingPong:
    """`flips` conversions of the first `npages` pages of `place`, to shared first.

    Exactly one each `period`, entered on the beat, by one vCPU. The pages are private before,
    and again after if `flips` is even.
    """

    start: float
    period: float  # seconds; longer than a conversion and its hypercall take
    flips: int
    place: Place
    npages: int = 1
    vcpu: int = 0

    def perform(self, stage: Stage) -> Part:
        machine = stage.machine
        area = machine.area(self.place)
        npages = min(self.npages, area.npages)
        vcpu = self.vcpu % machine.vcpus
        period = to_ns(self.period)
        beats = stage.begin + REQUEST_LEAD_NS + np.arange(self.flips, dtype=np.int64) * period
        calls = conversions(
            machine,
            stage.rng,
            beats,
            np.full(self.flips, area.first_gfn, np.uint64),
            np.full(self.flips, npages, np.uint64),
            np.where(np.arange(self.flips) % 2, To.PRIVATE, To.SHARED).astype(np.uint8),
            np.full(self.flips, vcpu, np.int16),
            Cause.EXPLICIT,
        )
        calls["latency_ns"] = np.minimum(calls["latency_ns"], period // 2)
        moments = effect_time(calls)
        stage.ledger.plant(
            "ping-pong",
            int(moments[0]),
            int(moments[-1]),
            moments,
            gfn=area.first_gfn,
            npages=npages,
            vcpu=vcpu,
            tid=int(calls["tid"][0]),
            period_ns=period,
        )
        return Part([with_company(machine, stage.rng, calls)])
