"""CALLs -> VMs, memslots and events, given to a RecordingSink in order of effect time.

Floods (conversions, hypercalls, faults) go through in whole arrays; the rare calls that change
who is who or what is mapped cut the stream between them and are followed one by one.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import EventKind
from app.store.protocol import Loss, RecordingSink, StoredRecording
from collector.assemble._border import CallBorder
from collector.assemble._going_on import GoingOn
from collector.assemble._initial_state import InitialState
from collector.assemble._layout_calls import LayoutCalls
from collector.assemble._process_calls import ProcessCalls
from collector.assemble.floods import (
    Attribution,
    UnrelatedCalls,
    distrust_unread_structs,
    event_rows,
    everything_doubted,
    loss_rows,
    with_runs,
)
from collector.assemble.identity import (
    Caller,
    LiveVm,
    Processes,
    VmmOf,
    Vms,
    changes_layout,
    is_new_vm,
)
from collector.assemble.memslots import InodeOf
from collector.codes import SAW_ENTER, SAW_EXIT, CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.kvm import catalogue
from collector.records import CALL, CallArray
from collector.vm_inventory import FoundVm, Inventory

MOST_HELD_CALLS = 1 << 17
"""How far ahead to look for proof that a descriptor was reused."""

MOST_RARE_CALLS = 1 << 11
"""So many are followed in a fraction of a second."""

UNKNOWN_CPU = 0xFFFF
_FLOOD = np.zeros(256, dtype=bool)
_FLOOD[[call.code for call in catalogue.calls().values() if call.is_flood]] = True


class Assembler:
    """One recording's calls, batch by batch.

    `vmm_of` is asked once for each process that owns a VM, `inode_of` once for each guest_memfd
    that is created; None: nobody knows any more.
    """

    def __init__(
        self,
        sink: RecordingSink,
        source: SourceDescription,
        vmm_of: VmmOf | None = None,
        inode_of: InodeOf | None = None,
    ) -> None:
        self.event_counts: Counter[EventKind] = Counter()
        self.lost_events = 0
        self._sink = sink
        self._source = source.format
        self._start_ns = source.clock_start_ns
        sees_creation = source.sees.get(Capability.VM_CREATION, False)
        self._sees_creation = sees_creation
        self._processes = Processes(source.thread_groups)
        names, only = source.command_names, source.only_vm
        self._vms = Vms(sink, self._processes, names, vmm_of, only)
        self._attribution = Attribution(self._vms, self._processes)
        self._process_calls = ProcessCalls(self._vms, self._processes, self._append)
        self._layout_calls = LayoutCalls(
            sink, self._vms, self._append, inode_of, sees_creation=sees_creation
        )
        self._border = CallBorder()
        self._held = np.zeros(0, dtype=CALL)
        self._rows = np.zeros(0, dtype=EVENT)  # of the calls at hand

    @property
    def strange_pages(self) -> int:
        """Page cache events that were dropped, being of no known guest_memfd."""
        return self._attribution.files.strange_pages

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for people, for the coverage: what became known by the calls."""
        damage = self._border.damage
        damaged = () if damage is None else (f"Damaged: {damage}.",)
        return self._vms.known.notes + self._attribution.notes + damaged

    @property
    def damage(self) -> str | None:
        """What calls no kernel can have made, if there were any: each became a loss."""
        return self._border.damage

    @property
    def unattributed(self) -> LiveVm | None:
        return self._vms.known.unattributed_if_any

    def add(self, calls: CallArray) -> None:
        """Take the next calls, which must not be older than those before."""
        calls = self._border.passed(calls)
        fresh = with_runs(distrust_unread_structs(calls))
        self._take(np.concatenate((self._held, fresh)) if len(self._held) else fresh, is_last=False)
        if len(calls):
            self._sink.advance(self._t(int(calls["ts_exit"][-1])))

    def add_inventory(self, found: Inventory) -> None:
        """What was on the host at `found.clock_ns`: between the calls before and after it."""
        self._take(self._held, is_last=True)
        initial = InitialState(self._sink, self._vms, self._processes, self._append)
        initial.add(found, self._t(found.clock_ns))
        self._vms.settle()

    def go_on(self, past: StoredRecording, found: tuple[FoundVm, ...], ts: int) -> None:
        """Before the first call: the sink has a past. `found` are VMs that may be of it."""
        GoingOn(self._sink, self._vms, self._processes).take(past, found, self._t(ts))

    def reached(self, ts: int) -> None:
        """No call of a time before `ts` (of the source's clock) is left to be given."""
        self._sink.advance(self._t(ts))

    def finish(self) -> None:
        """All calls were given: decide what was held back."""
        self._take(self._held, is_last=True)

    def _take(self, calls: CallArray, *, is_last: bool) -> None:
        self._held, self._rows = calls[:0], event_rows(calls, self._start_ns)
        unrelated = UnrelatedCalls(calls, _FLOOD, self._vms, self._processes)
        cuts = _cuts(calls)
        columns = (cuts, *(calls[name][cuts] for name in ("code", "tid", "fd")))
        start = 0
        for at, code, tid, fd in zip(*(column.tolist() for column in columns), strict=True):
            if unrelated.is_of_none_of_our_files(at, start, code, tid, fd):
                continue
            if unrelated.is_of_strangers(at, code):
                self._follow(calls, at, is_last=is_last)
                continue
            self._flood(calls[start:at], self._rows[start:at])
            start = at
            if not self._follow(calls, at, is_last=is_last):
                break
            start = at + 1
        else:
            self._flood(calls[start:], self._rows[start:])
            start = len(calls)
        self._held = calls[start:].copy()
        self._vms.settle()

    def _flood(self, calls: CallArray, rows: EventArray) -> None:
        """Calls that change neither VMs nor layout."""
        if not len(calls):
            return
        for vm, events in self._attribution.events_by_vm(calls, rows):
            self._append(vm, events)

    def _append(self, vm: LiveVm, events: EventArray) -> None:
        if not len(events):
            return
        if vm.unreported_gaps:
            begun = loss_rows(np.full(vm.unreported_gaps, effect_time(events[:1])[0]))
            vm.unreported_gaps = 0
            self._append(vm, begun)
        for kind, count in enumerate(np.bincount(events["kind"]).tolist()):
            if count:
                self.event_counts[EventKind(kind)] += count
        self._sink.append(vm.sink_id, events)
        vm.last_t = int(events["t"][-1]) + max(0, int(events["latency_ns"][-1]))

    def _t(self, ts: int) -> int:
        return ts - self._start_ns

    # -- the rare calls, one by one ------------------------------------------------------------

    def _follow(self, calls: CallArray, at: int, *, is_last: bool) -> bool:
        """Carry out one rare call. False: what it means depends on calls not given yet."""
        call, row = calls[at], self._rows[at : at + 1]
        if call["tgid"]:
            self._processes.learn(int(call["tid"]), int(call["tgid"]))
        later = calls[at + 1 :]
        decided = is_last or len(later) >= MOST_HELD_CALLS
        entered, t = self._t(int(call["ts_enter"])), self._t(int(call["ts_exit"]))
        match int(call["code"]):
            case CallCode.SET_REGION:
                self._layout_calls.set_region(call, row, t, entered=entered)
            case CallCode.CREATE_GUEST_MEMFD:
                return self._layout_calls.create_guest_memfd(
                    call, row, t, later, entered=entered, decided=decided
                )
            case CallCode.UNKNOWN_IOCTL:
                return self._unknown_ioctl(call, later, decided)
            case CallCode.LOSS_BEGIN | CallCode.LOSS_END:
                self._loss(call, row)
            case CallCode.LATE_RETURN:
                self._late_return(call, t)
            case _:
                self._process_calls.follow(call, t)
        return True

    def _unknown_ioctl(self, call: np.void, later: CallArray, decided: bool) -> bool:
        """An exit without its entry returned what may be an fd: that of a new VM, perhaps."""
        if self._sees_creation:
            return True
        tid, fd, t = int(call["tid"]), int(call["ret"]), self._t(int(call["ts_exit"]))
        vm = self._vms.file(tid, fd)
        if isinstance(vm, LiveVm):
            is_new, is_last_word = self._is_reused(vm, tid, fd, later)
            if is_new is None and not (decided or is_last_word):
                return False
            if is_new is None:  # it may be one of the same number that did nothing yet
                self._vms.known.doubt(vm)
                self._append(vm, everything_doubted(tid, t))
                self._process_calls.doubt_others(Caller(tid, fd, 0), t)
            if not is_new:
                return True
            self._vms.close(tid, fd, t, is_inferred=True)
        self._process_calls.doubt_others(Caller(tid, fd, 0), t)
        self._vms.hint_creation(tid, fd, t)
        return True

    def _is_reused(
        self, vm: LiveVm, tid: int, fd: int, later: CallArray
    ) -> tuple[bool | None, bool]:
        """Whether the fd names another VM from now on, None if that is not known, and whether it
        may do so once more before anything can."""
        threads = list(self._processes.threads(self._vms.owner(tid)) | {tid})
        ours = np.isin(later["tid"], threads)
        again = ours & (later["code"] == CallCode.UNKNOWN_IOCTL) & (later["ret"] == fd)
        end = int(np.flatnonzero(again)[0]) if again.any() else len(later)
        is_new = is_new_vm(vm, later[:end][ours[:end] & (later["fd"][:end] == fd)])
        return is_new, end < len(later)

    def _loss(self, call: np.void, row: EventArray) -> None:
        begins = call["code"] == CallCode.LOSS_BEGIN
        self._vms.lost()
        if not begins:
            count, t = int(call["v"][0]), self._t(int(call["ts_exit"]))
            began = self._t(int(call["v"][1]))
            cpu = None if call["cpu"] == UNKNOWN_CPU else int(call["cpu"])
            self._sink.add_loss(Loss(began, t, count or None, cpu, self._source))
            self.lost_events += count
        for vm in list(self._vms.known.live()):
            self._append(vm, row.copy())
        losses = self._vms.losses
        losses.gaps = max(0, losses.gaps + (1 if begins else -1))

    def _late_return(self, call: np.void, t: int) -> None:
        """A loss, too, to each VM of which the call may have been: to those before the gap."""
        tid, losses = int(call["tid"]), self._vms.losses
        if call["flags"] & SAW_ENTER:
            vms, kind = losses.late_began(tid, self._vms.rivals.of_whom(tid)), EventKind.LOSS_BEGIN
        else:
            vms, kind = losses.late_ended(tid), EventKind.LOSS_END
        for vm in vms:
            self._append(vm, loss_rows(np.array([t]), kind))


def parts_of(calls: CallArray) -> Iterator[CallArray]:
    """The same calls in parts, none of which takes long: rare ones are followed one by one."""
    rare = np.flatnonzero(~_FLOOD[calls["code"]])
    borders = rare[MOST_RARE_CALLS::MOST_RARE_CALLS]
    yield from (part for part in np.split(calls, borders) if len(part))


def _cuts(calls: CallArray) -> npt.NDArray[np.int64]:
    """Which calls change who is who or what is mapped; their failures change nothing."""
    rare = np.flatnonzero(~_FLOOD[calls["code"]])
    calls = calls[rare]
    code = calls["code"]
    is_creation = np.isin(
        code, (CallCode.CREATE_VM, CallCode.CREATE_VCPU, CallCode.CREATE_GUEST_MEMFD)
    )
    made = (calls["flags"] & SAW_EXIT != 0) & (calls["ret"] >= 0)
    others = ~is_creation & (code != CallCode.SET_REGION)
    result: npt.NDArray[np.int64] = rare[others | (is_creation & made) | changes_layout(calls)]
    return result
