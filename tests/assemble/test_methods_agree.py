"""The same workload, recorded by every method: the same conversions wherever a method can know.

convwork is deterministic, and so are conv's calls (a selftest of the kernel, one vCPU): what
differs between two recordings may only be what one of them cannot see.
"""

from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.model.guest import Certainty, EventKind, Outcome, PageState, To
from tests.assemble.checks import Imports, imported
from tests.assemble.conversion_truth import K4, PRIVATE, private_pages, read_truth
from tests.assemble.memory_sink import Pages
from tests.assemble.qemu_lines import QemuText

RECORDINGS = Path(__file__).parents[1] / "recordings"
WORKLOADS = {
    "convwork/probes.dat": ("convwork", "convwork2", "tp-convwork"),
    "conv/probes.report.txt": ("conv", "tp-conv"),
}
"""What knows most, and the folders with recordings of the same."""
SAME = [
    (best, str(packed.relative_to(RECORDINGS).with_suffix("")))
    for best, folders in WORKLOADS.items()
    for folder in folders
    for packed in sorted((RECORDINGS / folder).glob("*.xz"))
    if "truth" not in packed.name and str(packed.relative_to(RECORDINGS)) != f"{best}.xz"
]
LOSSY = (
    "lossy/extract.dat",
    "lossy/starved.dat",
    "lossy/perf.script.txt",
    "lossy/tracefs.trace.txt",
)
RANGE = ("gfn", "npages", "address_low", "size_low")
Row = dict[str, int]
read = cache(imported)


def told(run: Imports) -> list[list[Row]]:
    """The conversions of each VM."""
    names = (
        *RANGE,
        "to",
        "outcome",
        "errno",
        "cause",
        "cause_certainty",
        "range_certainty",
        "kind",
    )
    vms = sorted(run.sink.named(), key=lambda vm: vm.identity.created_t or 0)
    return [[{name: int(row[name]) for name in names} for row in vm.conversions] for vm in vms]


def test_there_are_many_methods() -> None:
    endings = {name.split("/")[1].split(".", 1)[1] for _, name in SAME}
    assert endings >= {"txt", "dat", "report.txt", "script.txt", "trace.txt", "trace.tgid.txt"}


@pytest.mark.parametrize(("best", "name"), SAME)
def test_conversions_are_the_same(recordings: Path, best: str, name: str) -> None:
    known, said = told(read(recordings / best)), told(read(recordings / name))
    assert [len(vm) for vm in said] == [len(vm) for vm in known]
    compared = 0
    for mine, theirs in zip(chain(*said), chain(*known), strict=True):
        assert (mine["outcome"], mine["errno"]) == (theirs["outcome"], theirs["errno"])
        if mine["range_certainty"] and theirs["range_certainty"]:
            compared += 1
            assert [mine[k] for k in RANGE] == [theirs[k] for k in RANGE]
            if To.UNKNOWN not in (mine["to"], theirs["to"]):
                assert mine["to"] == theirs["to"]
        if mine["cause_certainty"] and theirs["cause_certainty"]:
            assert mine["cause"] == theirs["cause"]
    assert compared >= 32


@pytest.mark.parametrize("name", ["extract", "starved"])
def test_report_of_a_lossy_trace_says_what_the_trace_does(recordings: Path, name: str) -> None:
    by_trace = read(recordings / f"lossy/{name}.dat")
    by_text = read(recordings / f"lossy/{name}.report.txt")
    assert told(by_text) == told(by_trace)
    assert len(by_text.sink.vms) == len(by_trace.sink.vms)
    for text, trace in zip(by_text.sink.losses, by_trace.sink.losses, strict=True):
        assert text.cpu == trace.cpu
        assert text.count in (trace.count, None)  # the report does not count every gap
        ends = [
            loss.to_t + run.header.clock_start_ns
            for loss, run in ((text, by_text), (trace, by_trace))
        ]
        assert abs(ends[0] - ends[1]) < 1_000_000


@pytest.mark.parametrize("name", LOSSY)
def test_what_is_known_after_a_loss_is_true(recordings: Path, name: str) -> None:
    run = read(recordings / name)
    truth = read_truth(recordings / f"{name.split('.')[0]}.truth.jsonl")
    known, met = 0, set[int]()
    for vm in run.sink.named():
        tids = set(vm.conversions["tid"].tolist())
        true = [one for one in truth.vms if tids & {call.tid for call in one.conversions}]
        pages = Pages(vm.identity.start_state)
        # Another process that makes a VM under the same number casts doubt on all of it later.
        own = np.flatnonzero(vm.events["kind"] == EventKind.CONVERSION)
        events = vm.events[: own[-1] + 1 if len(own) else None]
        for event in events:
            pages.apply(event)
        if (events["kind"] == EventKind.LOSS_END).any():
            assert pages.start_state == PageState.UNKNOWN
        is_first = not tids & met
        met |= tids
        if not true or not is_first:
            continue  # of another process, or a later one of the thread
        end = int(events["t"][-1]) + run.header.clock_start_ns + 1_000_000
        private = private_pages(true[0], end)
        for gfn, state in pages.state.items():
            known += state != PageState.UNKNOWN
            assert state == PageState.UNKNOWN or (state == PageState.PRIVATE) == (gfn in private)
    assert known > 0


def test_qemu_would_tell_the_same(recordings: Path, tmp_path: Path) -> None:
    """The calls of a truth as QEMU's trace events would tell them: lines that were written, not
    recorded. What KVM refused is unconfirmed: only QEMU's message would tell."""
    (vm, *_) = read_truth(recordings / "convwork/probes.truth.jsonl").vms
    log = QemuText().say("kvm_slots_grow 0 -> 16").slot(size=1 << 33, is_set_up=False)
    calls: list[Any] = [
        c for c in vm.conversions if c.size and c.gpa is not None and not (c.gpa | c.size) % K4
    ]
    for call in calls:
        private = bool(call.attributes & PRIVATE)
        log.convert(call.gpa, call.size, private=private, tid=call.tid)
        if not call.errno:
            log.changed(call.gpa, call.size, private=private, tid=call.tid)
    path = tmp_path / "qemu.log"
    path.write_bytes(log.text())
    ((*said,),) = told(imported(path))
    assert len(said) == len(calls) > 600
    ranges = [(row["gfn"] * K4, row["npages"] * K4, row["to"]) for row in said]
    asked = [(c.gpa, c.size, To.PRIVATE if c.attributes & PRIVATE else To.SHARED) for c in calls]
    assert sorted(ranges) == sorted(asked)
    applied = [row for row in said if row["outcome"] == Outcome.APPLIED]
    assert len(applied) == sum(not call.errno for call in calls)
    assert all(row["range_certainty"] == Certainty.SEEN for row in said)
