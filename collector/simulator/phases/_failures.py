"""Conversions that KVM refuses, and one whose end nobody saw."""

import errno
from dataclasses import dataclass

import numpy as np

from app.model.events import effect_time
from app.model.guest import UNKNOWN_LATENCY, Cause, Outcome, To
from collector.simulator import (
    REQUEST_LEAD_NS,
    Part,
    Place,
    Stage,
    conversions,
    to_ns,
    with_company,
)

ERRNOS = (errno.EAGAIN, errno.EINVAL, errno.ENOMEM)
SHARES = (0.55, 0.3, 0.15)
"""What KVM returns, how often. EINVAL: the range was not aligned to pages (virt/kvm/kvm_main.c)."""
BYTES_PAST_PAGE = 0x200


@dataclass(frozen=True, slots=True)
class Failures:
    """`count` failing conversions of single pages to shared, evenly spread over `duration`."""

    start: float
    duration: float
    count: int
    place: Place
    vcpu: int = 0

    def perform(self, stage: Stage) -> Part:
        rng, machine = stage.rng, stage.machine
        area = machine.area(self.place)
        beats = np.linspace(0, to_ns(self.duration), self.count, endpoint=False).astype(np.int64)
        calls = conversions(
            machine,
            rng,
            stage.begin + REQUEST_LEAD_NS + beats,
            (area.first_gfn + rng.integers(0, area.npages, self.count)).astype(np.uint64),
            np.ones(self.count, np.uint64),
            np.full(self.count, To.SHARED, np.uint8),
            np.full(self.count, self.vcpu % machine.vcpus, np.int16),
            Cause.EXPLICIT,
        )
        calls["errno"] = rng.choice(ERRNOS, self.count, p=SHARES)
        calls["outcome"] = Outcome.FAILED
        calls["address_low"] = np.where(calls["errno"] == errno.EINVAL, BYTES_PAST_PAGE, 0)
        for number in ERRNOS:
            moments = effect_time(calls[calls["errno"] == number])
            end = int(moments.max(initial=stage.begin))
            name = errno.errorcode[number]
            stage.ledger.plant("failures", stage.begin, end, moments, errno=name)
        return Part([with_company(machine, rng, calls)])


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One conversion to shared of the first page of `place` whose return is never seen."""

    start: float
    place: Place
    vcpu: int = 0

    def perform(self, stage: Stage) -> Part:
        area = stage.machine.area(self.place)
        calls = conversions(
            stage.machine,
            stage.rng,
            np.array([stage.begin + REQUEST_LEAD_NS]),
            np.array([area.first_gfn], np.uint64),
            np.ones(1, np.uint64),
            np.full(1, To.SHARED, np.uint8),
            np.full(1, self.vcpu % stage.machine.vcpus, np.int16),
            Cause.EXPLICIT,
        )
        calls["outcome"] = Outcome.UNCONFIRMED
        calls["latency_ns"] = UNKNOWN_LATENCY
        moments = effect_time(calls)
        at = int(moments[0])
        stage.ledger.plant("unconfirmed", at, at, moments, gfn=area.first_gfn, npages=1)
        return Part([with_company(stage.machine, stage.rng, calls)])
