"""A DIMM is plugged, made private, and perhaps unplugged again."""

import errno
from dataclasses import dataclass, replace

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, EventKind, GuestMemfd, To
from collector.simulator import (
    DIMM_FD,
    Fact,
    GoneMemslot,
    NewGuestMemfd,
    NewMemslot,
    Part,
    Stage,
    blank,
    conversions,
    guest_memfd_call,
    memslot_call,
    to_ns,
)

MEMSLOT_AFTER_NS = 10_000_000
RETRY_AFTER_NS = 30_000_000
PRIVATE_AFTER_NS = 60_000_000


@dataclass(frozen=True, slots=True)
class HotPlug:
    """Plug `gib` GiB; the memslot succeeds at the second try. Unplug after `plugged` seconds.

    The pages' attributes outlive the memslot, as KVM keeps them per gfn, not per slot.
    """

    start: float
    gib: int
    plugged: float

    def perform(self, stage: Stage) -> Part:
        machine, rng, begin = stage.machine, stage.rng, stage.begin
        slot = machine.dimm(self.gib << 18)
        made = GuestMemfd(DIMM_FD, slot.npages << 12, 0, begin)
        out = begin + to_ns(self.plugged)
        file = guest_memfd_call(machine, rng, begin, made)
        refused = memslot_call(machine, rng, begin + MEMSLOT_AFTER_NS, slot, errno=errno.EEXIST)
        placed = memslot_call(machine, rng, begin + RETRY_AFTER_NS, slot)
        private = _make_private(stage, slot.base_gfn, slot.npages)
        filled = _allocate(stage, private)
        removed = memslot_call(machine, rng, out, slot, npages=0)
        from_t, to_t = _effect(placed), _effect(removed)
        stage.ledger.plant("hot-plug", from_t, to_t, slot=slot.slot, gfn=slot.base_gfn)
        facts: tuple[Fact, ...] = (
            NewGuestMemfd(_effect(file), made),
            NewMemslot(replace(slot, from_t=from_t)),
            GoneMemslot(to_t, slot.as_id, slot.slot),
        )
        return Part([np.concatenate([file, refused, placed, private, filled, removed])], facts)


def _make_private(stage: Stage, gfn: int, npages: int) -> EventArray:
    return conversions(
        stage.machine,
        stage.rng,
        np.array([stage.begin + PRIVATE_AFTER_NS]),
        np.array([gfn], np.uint64),
        np.array([npages], np.uint64),
        np.full(1, To.PRIVATE, np.uint8),
        np.full(1, -1, np.int16),
        Cause.VMM,
    )


def _allocate(stage: Stage, private: EventArray) -> EventArray:
    """The VMM fills the private half at once, as with preallocated memory."""
    row = blank(1, EventKind.ALLOCATE)
    row["t"] = effect_time(private) + 1_000_000
    row["latency_ns"] = private["npages"].astype(np.int64) * 250
    row["gfn"] = private["gfn"]
    row["npages"] = private["npages"]
    row["tid"] = stage.machine.pid
    return row


def _effect(row: EventArray) -> int:
    return int(effect_time(row)[0])
