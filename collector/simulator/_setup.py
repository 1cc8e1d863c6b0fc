"""The VMM sets the guest up: guest_memfds, memslots, all RAM private in one call per slot."""

from dataclasses import dataclass, replace

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, EventKind, GuestMemfd, Memslot, Outcome, To
from collector.simulator._facts import Fact, NewGuestMemfd, NewMemslot
from collector.simulator._machine import RAM_FD, Machine
from collector.simulator._rows import blank, conversions
from collector.simulator._stage import Part, Stage

VM_CREATED_NS = 4_000_000
GUEST_MEMFDS_NS = 40_000_000
MEMSLOTS_NS = 90_000_000
BETWEEN_CALLS_NS = 12_000_000
BETWEEN_CONVERSIONS_NS = 6_000_000
PRIVATE_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class Setup:
    """Always the first phase; over by `Machine.setup_ns`. Its start is the recording's."""

    start: float = 0.0

    def perform(self, stage: Stage) -> Part:
        machine, rng = stage.machine, stage.rng
        files = [guest_memfd_call(machine, rng, at, made) for at, made in _file_times(machine)]
        slots = [memslot_call(machine, rng, at, slot) for at, slot in _slot_times(machine)]
        private = _make_ram_private(machine, rng)
        stage.ledger.plant("set-up", VM_CREATED_NS, machine.setup_ns, effect_time(private))
        facts: list[Fact] = [
            NewGuestMemfd(_effect(row), made)
            for row, made in zip(files, machine.guest_memfds(), strict=True)
        ]
        facts += [
            NewMemslot(replace(slot, from_t=_effect(row)))
            for row, slot in zip(slots, machine.memslots(), strict=True)
        ]
        return Part([np.concatenate([*files, *slots, private])], tuple(facts))


def memslot_call(
    machine: Machine,
    rng: np.random.Generator,
    t: int,
    slot: Memslot,
    *,
    npages: int | None = None,
    errno: int = 0,
) -> EventArray:
    """One KVM_SET_USER_MEMORY_REGION2; `npages` 0 deletes the slot."""
    row = blank(1, EventKind.MEMSLOT)
    row["t"] = t
    row["latency_ns"] = rng.integers(25_000, 180_000)
    row["gfn"] = slot.base_gfn
    row["npages"] = slot.npages if npages is None else npages
    row["aux"] = slot.slot | slot.as_id << 16 | (slot.flags or 0) << 32
    row["errno"] = errno
    row["outcome"] = Outcome.FAILED if errno else Outcome.APPLIED
    row["tid"] = machine.pid
    return row


def guest_memfd_call(
    machine: Machine, rng: np.random.Generator, t: int, made: GuestMemfd
) -> EventArray:
    """One KVM_CREATE_GUEST_MEMFD."""
    row = blank(1, EventKind.GUEST_MEMFD)
    row["t"] = t
    row["latency_ns"] = rng.integers(15_000, 60_000)
    row["npages"] = made.size >> 12
    row["aux"] = made.flags
    row["tid"] = machine.pid
    return row


def _file_times(machine: Machine) -> list[tuple[int, GuestMemfd]]:
    return [
        (GUEST_MEMFDS_NS + number * BETWEEN_CALLS_NS, made)
        for number, made in enumerate(machine.guest_memfds())
    ]


def _slot_times(machine: Machine) -> list[tuple[int, Memslot]]:
    return [
        (MEMSLOTS_NS + number * BETWEEN_CALLS_NS, slot)
        for number, slot in enumerate(machine.memslots())
    ]


def _make_ram_private(machine: Machine, rng: np.random.Generator) -> EventArray:
    slots = [slot for slot in machine.memslots() if slot.guest_memfd == RAM_FD]
    rows = conversions(
        machine,
        rng,
        np.zeros(len(slots), np.int64),
        np.array([slot.base_gfn for slot in slots], np.uint64),
        np.array([slot.npages for slot in slots], np.uint64),
        np.full(len(slots), To.PRIVATE, np.uint8),
        np.full(len(slots), -1, np.int16),
        Cause.VMM,
    )
    # One after the other on one thread: each begins when the one before has returned.
    spent = np.cumsum(rows["latency_ns"] + BETWEEN_CONVERSIONS_NS)
    rows["t"] = PRIVATE_NS + np.append(0, spent[:-1])
    return rows


def _effect(row: EventArray) -> int:
    return int(effect_time(row)[0])
