"""A guest whose vCPUs convert a few pages over and over, what becomes of its records where a CPU's
ring buffer lost some, and whether what is then said of it is true."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import PageState
from app.model.pagemap import PageMap
from app.model.pagemap._tree import DEFAULT
from collector.codes import RecordCode
from collector.kvm import uapi
from collector.records import RECORD, RecordArray
from tests.assemble.memory_sink import RecordedVm
from tests.assemble.record_streams import record

PAGES, FIRST_GFN = 6, 0x100
VM_FD, MAIN = 5, 100
START_NS = 1_000_000
SET_ATTRIBUTES, KVM_RUN = uapi.KVM_SET_MEMORY_ATTRIBUTES, uapi.KVM_RUN
CREATE_VM = uapi.KVM_CREATE_VM
HYPERCALL_EXIT, OTHER_EXIT = 3, 2
PRIVATE = 8


@dataclass(frozen=True)
class TrueCall:
    """A conversion; it takes effect at its return, if it does."""

    t0: int
    t1: int
    tid: int
    gfn: int
    npages: int
    is_private: bool
    is_asked: bool
    ret: int


@dataclass
class Guest:
    """`records` are complete and in order, each on the CPU where its thread was."""

    calls: list[TrueCall] = field(default_factory=list)
    records: RecordArray = field(default_factory=lambda: np.zeros(0, RECORD))

    def state(self, t: int) -> list[PageState | None]:
        """Of each page; None while a call on it is under way."""
        pages: list[PageState | None] = [PageState.SHARED] * PAGES
        for call in self.calls:
            for page in range(call.gfn - FIRST_GFN, call.gfn - FIRST_GFN + call.npages):
                if call.t0 <= t <= call.t1:
                    pages[page] = None
                elif call.t1 < t and not call.ret and pages[page] is not None:
                    pages[page] = PageState.PRIVATE if call.is_private else PageState.SHARED
        return pages


def guest(seed: int, *, cpus: int = 3, vcpus: int = 3, calls: int = 120) -> Guest:
    """Made by chance: vCPU threads that move from CPU to CPU, even within a call."""
    choose, result = random.Random(seed), Guest()
    place = {tid: choose.randrange(cpus) for tid in (MAIN, *range(MAIN + 1, MAIN + 1 + vcpus))}
    free = dict.fromkeys(place, START_NS + 1000)
    rows = [
        record(START_NS, MAIN, RecordCode.IOCTL_ENTER, 4, CREATE_VM, 1, cpu=place[MAIN]),
        record(START_NS + 500, MAIN, RecordCode.IOCTL_EXIT, VM_FD, cpu=place[MAIN]),
    ]

    def note(t: int, tid: int, code: RecordCode, *v: int) -> None:
        if choose.random() < 0.2:
            place[tid] = choose.randrange(cpus)
        rows.append(record(t, tid, code, *v, cpu=place[tid]))

    returns = START_NS + 2000
    for _ in range(calls):
        tid = choose.choice(list(place))
        returns += choose.randrange(20, 600)  # KVM carries out one after the other
        entered = max(free[tid] + 60, returns - choose.choice([10, 10, 100, 1500]))
        if entered >= returns:
            returns = entered + 10
        first = choose.randrange(PAGES)
        npages = choose.randrange(1, PAGES - first + 1)
        is_private, ret = choose.random() < 0.5, choose.choice([0, 0, 0, 0, -22])
        is_asked = tid != MAIN and choose.random() < 0.6
        gpa, size = (FIRST_GFN + first) << 12, npages << 12
        if tid != MAIN:
            note(entered - 50, tid, RecordCode.IOCTL_ENTER, 10 + tid, KVM_RUN, 0)
            if is_asked:
                note(entered - 40, tid, RecordCode.HYPERCALL, 12, gpa, npages, 16 * is_private, 0)
            reason = HYPERCALL_EXIT if is_asked else OTHER_EXIT
            note(entered - 30, tid, RecordCode.USERSPACE_EXIT, reason, 0)
            note(entered - 20, tid, RecordCode.IOCTL_EXIT, 0)
        note(entered, tid, RecordCode.IOCTL_ENTER, VM_FD, SET_ATTRIBUTES, 0)
        struct = (VM_FD, gpa, size, PRIVATE * is_private, 0)
        rows.append(record(entered, tid, RecordCode.USER_SET_ATTRIBUTES, *struct, cpu=place[tid]))
        note(returns, tid, RecordCode.IOCTL_EXIT, ret)
        free[tid] = returns
        result.calls.append(
            TrueCall(entered, returns, tid, FIRST_GFN + first, npages, is_private, is_asked, ret)
        )
    together = np.concatenate(rows)
    result.records = together[np.argsort(together["ts"], kind="stable")]
    return result


def lossy(
    records: RecordArray, seed: int, losses: int = 3, longest: int = 40
) -> tuple[RecordArray, int]:
    """Without some stretches of what single CPUs recorded, each told as the ring buffer's decoder
    tells it: from the CPU's last event before it to the first one after it. Also how many."""
    choose, kept, told, lost = random.Random(seed), np.ones(len(records), bool), [], 0
    for cpu in np.unique(records["cpu"]).tolist():
        of_cpu = np.flatnonzero(records["cpu"] == cpu)
        count = choose.randrange(losses + 1)
        for first, end in _windows(choose, len(of_cpu), count, longest):
            kept[of_cpu[first:end]] = False
            lost += end - first
            begin = int(records["ts"][of_cpu[first - 1] if first else 0])
            after = int(records["ts"][of_cpu[end] if end < len(of_cpu) else -1])
            told.append((int(cpu), begin, after, end - first, end < len(of_cpu)))
    marks: list[RecordArray] = []
    keys: list[float] = []
    for cpu, begin, after, count, is_followed in told:
        marks.append(record(begin, 0, RecordCode.LOSS_BEGIN, count, after, cpu=cpu))
        marks.append(record(after, 0, RecordCode.LOSS_END, count, begin, cpu=cpu))
        keys += [1, -1 if is_followed else 1]
    everything = np.concatenate([records[kept], *marks])
    order = np.concatenate([np.zeros(int(kept.sum())), keys])
    return everything[np.lexsort((order, everything["ts"]))], lost


def _windows(
    choose: random.Random, length: int, count: int, longest: int
) -> Iterator[tuple[int, int]]:
    borders = sorted(choose.sample(range(length), min(2 * count, length // 2 * 2)))
    for first, end in zip(borders[::2], borders[1::2], strict=True):
        yield first, min(end, first + choose.choice([1, 2, 5, longest]))


def said(vm: RecordedVm, times: list[int]) -> Iterator[dict[int, PageState]]:
    """What a page map says of each page at some instants, in order, by what was recorded."""
    page_map, at = PageMap(vm.identity.start_state), 0
    events: EventArray = vm.events
    effects = effect_time(events)
    for t in times:
        end = int(np.searchsorted(effects, t, side="right"))
        if end > at:
            page_map.apply(events[at:end], at)
            at = end
        runs = page_map.runs(within_memslots=False)
        pages = {
            int(run["gfn"]) + i: PageState(int(run["state"]))
            for run in runs
            for i in range(int(run["npages"]))
        }
        default = PageState(int(page_map.tree.meta[DEFAULT]))
        yield {gfn: pages.get(gfn, default) for gfn in range(FIRST_GFN, FIRST_GFN + PAGES)}
