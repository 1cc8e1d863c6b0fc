"""Whatever a recording lost: what it still says is true, at every instant."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from app.model.guest import Cause, Certainty, Outcome, PageState, To
from tests.assemble.checks import imported
from tests.assemble.lossy_guest import FIRST_GFN, MAIN, START_NS, Guest, guest, lossy, said
from tests.assemble.memory_sink import MemorySink, RecordedVm
from tests.assemble.record_streams import assembled
from tests.assemble.truth_check import of_truths
from tests.assemble.truth_stream import truth_records

SEEDS = range(60)
PROCESS = dict.fromkeys(range(MAIN, MAIN + 4), MAIN)
"""Which threads are of it most sources tell."""


def told(seed: int) -> dict[int, int]:
    """Of some guests no source tells it: each thread stands for itself then."""
    return {} if seed % 5 in (2, 4) else PROCESS


def known_and_wrong(sink: MemorySink, true: Guest, start_ns: int) -> Counter[str]:
    """Of all pages at instants between any two things that happened, as far as it was recorded."""
    found: Counter[str] = Counter()
    for vm in sink.named():
        found += of_vm(vm, true, start_ns, sink.reached)
    return found


def of_vm(vm: RecordedVm, true: Guest, start_ns: int, reached: int) -> Counter[str]:
    times = np.unique([t for call in true.calls for t in (call.t0 - 1, call.t0 + 1, call.t1 + 1)])
    created = vm.identity.created_t or 0
    moments = [t for t in times.tolist() if created <= t - start_ns <= reached]
    found: Counter[str] = Counter()
    for t, pages in zip(moments, said(vm, [t - start_ns for t in moments]), strict=True):
        for page, state in enumerate(true.state(t)):
            told = pages[FIRST_GFN + page]
            if state is not None:
                found["pages"] += 1
                found["known"] += told != PageState.UNKNOWN
                found["wrong"] += told not in (PageState.UNKNOWN, state)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_pages_that_are_known_are_what_they_are_said_to_be(seed: int) -> None:
    true = guest(seed)
    records, lost = lossy(true.records, seed)
    batch = 1 + 37 * (seed % 7)
    sink = assembled(records, start_ns=START_NS, batch=batch, thread_groups=told(seed))
    assert sum(loss.count or 0 for loss in sink.losses) == lost
    assert known_and_wrong(sink, true, START_NS)["wrong"] == 0


@pytest.mark.parametrize("seed", range(15, 35))
def test_recording_that_begins_amid_calls_says_nothing_wrong(seed: int) -> None:
    """What was entered before it took effect at some time until its return, which is seen."""
    true = guest(seed)
    late = true.records[len(true.records) * (seed % 17 + 1) // 40 :]
    start = int(late["ts"][0])
    records, _ = lossy(late, seed, losses=seed % 2)
    sink = assembled(records, start_ns=start, thread_groups=told(seed))
    assert known_and_wrong(sink, true, start)["wrong"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_called_seen_is_so(seed: int) -> None:
    true = guest(seed)
    records, _ = lossy(true.records, seed)
    named = assembled(records, start_ns=START_NS, thread_groups=told(seed)).named()
    called = {(call.t0 - START_NS, call.tid): call for call in true.calls}
    for row in (row for vm in named for row in vm.conversions):
        call = called.get((int(row["t"]), int(row["tid"])))
        assert call is not None
        if row["cause_certainty"] == Certainty.SEEN:
            assert row["cause"] == (Cause.EXPLICIT if call.is_asked else Cause.VMM)
        if row["range_certainty"] != Certainty.UNKNOWN:
            assert (row["gfn"], row["npages"]) == (call.gfn, call.npages)
            assert row["to"] == (To.PRIVATE if call.is_private else To.SHARED)
        if row["outcome"] != Outcome.UNCONFIRMED:
            assert (row["outcome"] == Outcome.FAILED) == (call.ret != 0)


@pytest.mark.parametrize("seed", range(6))
def test_real_workload_is_what_it_was_although_much_was_lost(recordings: Path, seed: int) -> None:
    """Two VMMs, both with VM fd 5: thousands of records are missing."""
    vmms = sorted((recordings / "tinyring").glob("*.truth.jsonl"))
    complete = truth_records(vmms, seed)
    start = int(complete["ts"][0])
    records, lost = lossy(complete, seed, losses=6, longest=1000)
    sink = assembled(records, start_ns=start)
    assert sum(loss.count or 0 for loss in sink.losses) == lost
    found = of_truths(sink, vmms, start)
    assert (found["known"] > 0, found["wrong"]) == (True, 0)


@pytest.mark.parametrize(
    "name",
    ["lossy/extract.dat", "lossy/starved.dat", "lossy/perf.script.txt", "lossy/tracefs.trace.txt"],
)
def test_real_lossy_recording_says_nothing_wrong(recordings: Path, name: str) -> None:
    path = recordings / name
    run = imported(path)
    truth = path.with_name(f"{path.name.split('.')[0]}.truth.jsonl")
    assert of_truths(run.sink, [truth], run.header.clock_start_ns)["wrong"] == 0
