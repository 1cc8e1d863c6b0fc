"""A RecordingSink that keeps everything and replays it page by page, without the store's code."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import EventKind, GuestMemfd, Memslot, Outcome, PageState, To, VmIdentity
from app.store.protocol import Loss


@dataclass
class RecordedVm:
    identity: VmIdentity
    batches: list[EventArray] = field(default_factory=list)
    memslots: list[tuple[Memslot, int | None]] = field(default_factory=list)
    guest_memfds: list[GuestMemfd] = field(default_factory=list)
    ended: tuple[int, bool] | None = None
    is_forgotten: bool = False
    last: int = -(1 << 62)

    @property
    def events(self) -> EventArray:
        return np.concatenate(self.batches) if self.batches else np.zeros(0, dtype=EVENT)

    @property
    def conversions(self) -> EventArray:
        return self.events[self.events["kind"] == EventKind.CONVERSION]

    def reach(self, t: int) -> None:
        assert not self.is_forgotten
        assert t >= self.last, f"time goes back: {t} after {self.last}"
        self.last = t


class MemorySink:
    recording_id = 1
    visible_t = 0

    def __init__(self) -> None:
        self.vms: list[RecordedVm] = []
        self.losses: list[Loss] = []
        self.coverage: dict[str, Any] = {}
        self.incomplete: str | None = None
        self.reached = 0

    def named(self) -> list[RecordedVm]:
        return [vm for vm in self.vms if not vm.identity.is_unattributed]

    def add_vm(self, identity: VmIdentity) -> int:
        self.vms.append(RecordedVm(identity))
        return len(self.vms) - 1

    def update_vm(self, vm_id: int, identity: VmIdentity) -> None:
        self.vms[vm_id].identity = identity

    def end_vm(self, vm_id: int, t: int, *, is_inferred: bool) -> None:
        vm = self.vms[vm_id]
        vm.reach(t)
        vm.ended = (t, is_inferred)
        vm.memslots = [(m, t if to is None else to) for m, to in vm.memslots]

    def forget_vm(self, vm_id: int) -> None:
        assert self.vms[vm_id].ended is not None
        self.vms[vm_id].is_forgotten = True

    def add_guest_memfd(self, vm_id: int, guest_memfd: GuestMemfd) -> None:
        self.vms[vm_id].guest_memfds.append(guest_memfd)

    def set_memslot(self, vm_id: int, memslot: Memslot) -> None:
        self._end_memslot(vm_id, memslot.as_id, memslot.slot, memslot.from_t)
        self.vms[vm_id].memslots.append((memslot, None))

    def delete_memslot(self, vm_id: int, as_id: int, slot: int, t: int) -> None:
        assert self._end_memslot(vm_id, as_id, slot, t)

    def _end_memslot(self, vm_id: int, as_id: int, slot: int, t: int) -> bool:
        vm = self.vms[vm_id]
        vm.reach(t)
        for i, (memslot, to) in enumerate(vm.memslots):
            if to is None and (memslot.as_id, memslot.slot) == (as_id, slot):
                vm.memslots[i] = (memslot, t)
                return True
        return False

    def append(self, vm_id: int, events: EventArray) -> None:
        vm = self.vms[vm_id]
        times = effect_time(events)
        assert (np.diff(times) >= 0).all()
        vm.reach(int(times[0]))
        vm.reach(int(times[-1]))
        vm.batches.append(events.copy())

    def add_loss(self, loss: Loss) -> None:
        self.losses.append(loss)

    def update_coverage(self, coverage: dict[str, Any]) -> None:
        self.coverage = coverage

    def mark_incomplete(self, reason: str) -> None:
        self.incomplete = reason

    def advance(self, t: int) -> None:
        self.reached = max(self.reached, t)

    def __enter__(self) -> "MemorySink":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class Pages:
    """The state of every page of a VM, one dict entry a page: slow and obvious."""

    def __init__(self, start_state: PageState) -> None:
        self.start_state = start_state
        self.state: dict[int, PageState] = {}
        self.gaps, self.gap_end = 0, -(1 << 62)

    def at(self, gfn: int) -> PageState:
        return self.state.get(gfn, self.start_state)

    def apply(self, event: np.void) -> None:
        kind = event["kind"]
        if kind in (EventKind.LOSS_BEGIN, EventKind.LOSS_END):
            self.forget()
            begins = kind == EventKind.LOSS_BEGIN
            self.gaps = self.gaps + 1 if begins else max(0, self.gaps - 1)
            self.gap_end = self.gap_end if begins else int(event["t"])
        converts = kind in (EventKind.CONVERSION, EventKind.DOUBT)
        if not converts or event["outcome"] == Outcome.FAILED:
            return
        if event["range_certainty"] == 0:
            self.forget()
            return
        may_be_undone = self.gaps > 0 or int(event["t"]) < self.gap_end
        is_certain = event["outcome"] != Outcome.UNCONFIRMED and not may_be_undone
        to = PageState(To(int(event["to"])))
        first = int(event["gfn"])
        for gfn in range(first, first + int(event["npages"])):
            self.state[gfn] = to if is_certain or self.at(gfn) == to else PageState.UNKNOWN

    def forget(self) -> None:
        self.state.clear()
        self.start_state = PageState.UNKNOWN
