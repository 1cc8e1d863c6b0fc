"""A sink that remembers what it was told, and a way to have a scenario played to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event
from types import TracebackType
from typing import Any, Self

import numpy as np
import pytest

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import EventKind, GuestMemfd, Memslot, VmIdentity
from app.store.protocol import Loss
from collector.simulator import Limits, Machine, Played, Scenario, Showing, play
from collector.simulator.scenarios import SCENARIOS

GIB = 1 << 30
VM_ID = 7


@dataclass
class Heard:
    """A RecordingSink that checks the order of time and keeps everything."""

    recording_id: int = 1
    visible_t: int = 0
    batches: list[EventArray] = field(default_factory=list)
    memslots: list[Memslot] = field(default_factory=list)
    guest_memfds: list[GuestMemfd] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    identity: VmIdentity | None = None
    reached: int = 0

    def add_vm(self, identity: VmIdentity) -> int:
        self.identity = identity
        return VM_ID

    def update_vm(self, vm_id: int, identity: VmIdentity) -> None:
        raise AssertionError("the simulator knows its VM from the start")

    def end_vm(self, vm_id: int, t: int, *, is_inferred: bool) -> None:
        raise AssertionError("simulated guests outlive their recording")

    def forget_vm(self, vm_id: int) -> None:
        pass

    def add_guest_memfd(self, vm_id: int, guest_memfd: GuestMemfd) -> None:
        assert guest_memfd.created_t is not None
        self._reach(guest_memfd.created_t)
        self.guest_memfds.append(guest_memfd)

    def set_memslot(self, vm_id: int, memslot: Memslot) -> None:
        self._reach(memslot.from_t)
        self.memslots.append(memslot)

    def delete_memslot(self, vm_id: int, as_id: int, slot: int, t: int) -> None:
        self._reach(t)
        (alive,) = [m for m in self.memslots if m.slot == slot and m.to_t is None]
        self.memslots[self.memslots.index(alive)] = replace(alive, to_t=t)

    def append(self, vm_id: int, events: EventArray) -> None:
        assert vm_id == VM_ID
        times = effect_time(events)
        assert np.all(np.diff(times) >= 0)
        self._reach(int(times[0]))
        self._reach(int(times[-1]))
        self.batches.append(events.copy())

    def add_loss(self, loss: Loss) -> None:
        self.losses.append(loss)

    def update_coverage(self, coverage: dict[str, Any]) -> None:
        raise AssertionError("coverage is known from the start")

    def mark_incomplete(self, reason: str) -> None:
        raise AssertionError(reason)

    def advance(self, t: int) -> None:
        self._reach(t)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def _reach(self, t: int) -> None:
        assert t >= self.reached, "time went backwards"
        self.reached = t

    @property
    def events(self) -> EventArray:
        return np.concatenate(self.batches) if self.batches else np.zeros(0, EVENT)

    def of_kind(self, kind: EventKind) -> EventArray:
        events = self.events
        return events[events["kind"] == kind]


@dataclass
class Performance:
    heard: Heard
    played: Played

    def planted(self, kind: str) -> list[Any]:
        return [planted for planted in self.played.planted if planted.kind == kind]


Perform = Callable[..., Performance]


@pytest.fixture
def perform() -> Perform:
    """Play a scenario: its own timeline, on its own machine, with seed 1 unless told otherwise."""

    def performed(
        scenario: Scenario | str,
        *,
        seed: int = 1,
        memory: int | None = None,
        vcpus: int | None = None,
        limits: Limits | None = None,
        speed: float | None = None,
    ) -> Performance:
        found = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
        machine = Machine(memory or found.memory, vcpus or found.vcpus)
        showing = Showing(found, machine, seed)
        if limits is None:
            limits = Limits(until_t=showing.main_end)
        heard = Heard()
        return Performance(heard, play(showing, limits, heard, stop=Event(), speed=speed))

    return performed
