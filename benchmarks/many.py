"""Many memslots, and many VMs that live for a moment: what one more costs when there are many.

    python -m benchmarks.many [--quick]

Made streams of calls, as a live source gives them, assembled, painted and stored. A VM gets up to
32,764 memslots (KVM_USER_MEM_SLOTS), which are then deleted and set again, moved, or deleted while
the host unmaps memory between any two calls; and processes come, each of which makes a VM with
four memslots, converts memory and ends. Growth is cost at the largest number by cost at the
smallest: 1.0 means that how many there are, or were, makes no difference.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from benchmarks.measure import print_table
from collector.assemble import Assembler, parts_of
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CALL, CallArray

SLOT_PAGES = 512
PAGE = 4096
HVA = 0x7F00_0000_0000
VMM, VM_FD, VCPU_FD = 70, 9, 11
FIRST_PID = 1000
GAP_NS = 30_000
TICK = 2048
"""Calls that a source gives at a time."""
ALL = SAW_ENTER | SAW_EXIT | SAW_STRUCT

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


def calls_of(code: CallCode, count: int, *v: "Numbers | int", fd: int = VM_FD) -> CallArray:
    calls = np.zeros(count, CALL)
    calls["code"], calls["tid"], calls["tgid"], calls["fd"] = code, VMM, VMM, fd
    calls["vcpu"], calls["flags"] = -1, ALL
    for column, values in enumerate(v):
        calls["v"][:, column] = values
    return calls


def vm_made() -> CallArray:
    made = calls_of(CallCode.CREATE_VM, 1, 0, fd=3)
    made["ret"] = VM_FD
    return made


def slots_set(slots: Numbers, pages: int = SLOT_PAGES, moved_by: int = 0) -> CallArray:
    size = SLOT_PAGES * PAGE
    gpa = (slots + moved_by) * size
    return calls_of(CallCode.SET_REGION, len(slots), slots, gpa, pages * PAGE, HVA + slots * size)


def taking_turns(*streams: CallArray) -> CallArray:
    turns: CallArray = np.stack(streams, axis=1).ravel()
    return turns


def set_again(slots: Numbers) -> CallArray:
    return taking_turns(slots_set(slots, 0), slots_set(slots))


def moved(slots: Numbers) -> CallArray:
    return slots_set(slots, moved_by=len(slots))


def deleted_amid_unmaps(slots: Numbers) -> CallArray:
    start = HVA + slots * SLOT_PAGES * PAGE
    unmaps = calls_of(CallCode.UNMAP, len(slots), start, start + PAGE, fd=-1)
    return taking_turns(slots_set(slots, 0), unmaps[::-1])


WHAT: dict[str, Callable[[Numbers], CallArray]] = {
    "deleted and set again": set_again,
    "moved": moved,
    "deleted, the host unmaps meanwhile": deleted_amid_unmaps,
}


def short_vm(pid: int) -> CallArray:
    """All calls of a process with a VM."""
    slots = np.arange(4)
    attributes = np.where(slots % 2, 0, 8)
    made = calls_of(CallCode.CREATE_VCPU, 1, 0)
    made["ret"] = VCPU_FD
    own = np.concatenate(
        (
            vm_made(),
            slots_set(slots),
            made,
            calls_of(CallCode.VCPU_RUN, 1, fd=VCPU_FD),
            calls_of(CallCode.SET_ATTRIBUTES, 4, slots * PAGE, PAGE, attributes),
            calls_of(CallCode.PROCESS_EXIT, 1, pid, 1, fd=-1),
        )
    )
    own["tid"] = own["tgid"] = pid
    return np.concatenate((calls_of(CallCode.NEW_TASK, 1, pid, 0, fd=-1), own))


class Collector:
    """What a live recording goes through from calls on, and the CPU that it takes, in seconds."""

    def __init__(self, writer: RecordingWriter) -> None:
        sees = {Capability.VM_CREATION.value: True}
        source = SourceDescription("made", "boot", 0, "bench", None, sees)
        self._assembler = Assembler(writer, source)
        self._now = 0

    def take(self, calls: CallArray) -> float:
        times = self._now + GAP_NS * (1 + np.arange(len(calls)))
        calls["ts_enter"] = calls["ts_exit"] = times
        self._now = int(times[-1])
        began = time.process_time()
        for first in range(0, len(calls), TICK):
            for part in parts_of(calls[first : first + TICK]):
                self._assembler.add(part)
        return time.process_time() - began


@contextmanager
def collector() -> Iterator[Collector]:
    with TemporaryDirectory(prefix="gmemscope-bench-") as folder:
        engine = open_database(Path(folder) / "many.db")
        header = RecordingHeader("many", "made", "bench", "boot", 0)
        with RecordingWriter(engine, header, is_live=True) as writer:
            yield Collector(writer)
        engine.dispose()


def us_per_memslot_call(count: int) -> dict[str, float]:
    slots = np.arange(count)
    shuffled = np.random.default_rng(1).permutation(count)
    costs = {}
    for name, change in WHAT.items():
        with collector() as collecting:
            collecting.take(vm_made())
            costs["set"] = collecting.take(slots_set(slots)) / count
            calls = change(shuffled)
            costs[name] = collecting.take(calls) / len(calls)
    return {name: 1e6 * cost for name, cost in costs.items()}


def cost_of_vms(counts: list[int]) -> list[tuple[float, int]]:
    """Milliseconds of CPU for each of so many VMs more, and bytes of this process then."""
    found, pid = [], FIRST_PID
    with collector() as collecting:
        for count in counts:
            cpu = 0.0
            for _ in range(count):
                cpu += collecting.take(short_vm(pid))
                pid += 1
            gc.collect()
            found.append((1e3 * cpu / count, resident_bytes()))
    return found


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def print_memslots(counts: list[int]) -> None:
    us_per_memslot_call(64)  # compiled and imported before it is measured
    columns = [us_per_memslot_call(count) for count in counts]
    heads = ["CPU per call, µs; memslots:", *(f"{count:,}" for count in counts), "growth"]
    rows = []
    for name in ("set", *WHAT):
        costs = [column[name] for column in columns]
        rows.append([name, *(f"{cost:.0f}" for cost in costs), f"{costs[-1] / costs[0]:.1f}x"])
    print_table(heads, rows)


def print_vms(counts: list[int]) -> None:
    found = cost_of_vms(counts)
    after = np.cumsum(counts).tolist()
    grown = (found[-1][1] - found[0][1]) / max(1, after[-1] - after[0])
    heads = ["VMs that ended:", *(f"{count:,}" for count in after), "growth"]
    cpu = [cost for cost, _ in found]
    rows = [
        ["CPU per VM, ms", *(f"{cost:.1f}" for cost in cpu), f"{cpu[-1] / cpu[0]:.1f}x"],
        [
            "memory, MiB",
            *(f"{size / (1 << 20):.0f}" for _, size in found),
            f"{grown / 1024:.1f} KiB a VM",
        ],
    ]
    print_table(heads, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="some hundreds of each")
    is_quick = parser.parse_args().quick
    print_memslots([250, 1000] if is_quick else [2000, 8000, 32_764])
    print()
    print_vms([100, 100, 100] if is_quick else [500, 500, 500])


if __name__ == "__main__":
    main()
