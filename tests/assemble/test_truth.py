"""Real recordings of convwork against their ground truth, call by call and page by page."""

from pathlib import Path

import pytest

from app.model.guest import Cause, Certainty, EventKind, Outcome, To
from tests.assemble.checks import (
    SLACK_NS,
    Imports,
    check_conversions,
    check_memslots,
    check_state,
    imported,
    matched,
)
from tests.assemble.conversion_truth import PRIVATE, Truth, read_truth

EVERYTHING = ("convwork/bpf.txt", "convwork/probes.dat", "convwork/probes.report.txt")
RANGES = (
    "tp-convwork/full.dat",
    "tp-convwork/lean.dat",
    "tp-convwork/perf.script.pidtid.txt",
)
THREADS_TOLD = (*EVERYTHING, "tp-convwork/perf.script.pidtid.txt")
"""By which process each thread belongs to, or by struct kvm *."""
REQUESTS = (
    "convwork/full.dat",
    "convwork/lean.dat",
    "convwork/lean.report.txt",
    "convwork/perf.script.txt",
    "convwork2/ident.dat",
    "convwork2/perf.script.pidtid.txt",
    "convwork2/tracefs.trace.tgid.txt",
)
ALL = EVERYTHING + RANGES + REQUESTS

Case = tuple[Imports, Truth]


def case(recordings: Path, name: str) -> Case:
    path = recordings / name
    return imported(path), read_truth(path.with_name(f"{path.name.split('.')[0]}.truth.jsonl"))


@pytest.mark.parametrize("name", ALL)
def test_every_conversion_is_there_with_its_result(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        check_conversions(run, vm, true, ranges=name in EVERYTHING + RANGES)


@pytest.mark.parametrize("name", ALL)
def test_calls_on_no_vm_are_kept_apart(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    stray = [vm for vm in run.sink.vms if vm.identity.is_unattributed]
    assert [len(vm.conversions) for vm in stray] == [len(truth.stray)]
    assert [int(e) for e in stray[0].conversions["errno"]] == [c.errno for c in truth.stray]


@pytest.mark.parametrize("name", EVERYTHING)
def test_memslots_live_as_long_as_in_truth(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        check_memslots(run, vm, true)


@pytest.mark.parametrize("name", RANGES + REQUESTS)
def test_layout_is_not_invented_where_structs_were_not_recorded(
    recordings: Path, name: str
) -> None:
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        assert vm.memslots == []
        memslot_calls = vm.events[vm.events["kind"] == EventKind.MEMSLOT]
        assert memslot_calls["errno"].tolist() == true.memslot_errnos
        assert (memslot_calls["range_certainty"] == Certainty.UNKNOWN).all()
    assert run.sink.coverage["sees"]["memslots"] is False


@pytest.mark.parametrize("name", EVERYTHING + RANGES)
def test_state_is_the_truth_at_every_instant(recordings: Path, name: str) -> None:
    """Where a thread converts that may be another process's, it is so or unknown."""
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        other_threads = any(c.tid != true.pid for c in true.conversions)
        assert vm.identity.may_be_several == (other_threads and name not in THREADS_TOLD)
        is_known = not vm.identity.may_be_several
        check_state(run, vm, true, everything_is_known=is_known)


@pytest.mark.parametrize("name", REQUESTS)
def test_state_is_the_truth_or_unknown_where_ranges_were_not_recorded(
    recordings: Path, name: str
) -> None:
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        check_state(run, vm, true, everything_is_known=False)
    assert run.sink.coverage["conversion_ranges"] == "inferred"


@pytest.mark.parametrize("name", REQUESTS)
def test_ranges_of_guest_requests_are_inferred_and_right(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    vm, true = matched(run, truth)[0]
    explicit = vm.conversions[vm.conversions["cause"] == Cause.EXPLICIT]
    assert (explicit["range_certainty"] == Certainty.INFERRED).all()
    asked = [c for c in true.conversions if c.why == "hypercall"]
    assert [int(g) << 12 for g in explicit["gfn"]] == [c.gpa for c in asked]
    assert [int(n) << 12 for n in explicit["npages"]] == [c.size for c in asked]
    assert [bool(to) for to in explicit["to"]] == [bool(c.attributes) for c in asked]


@pytest.mark.parametrize("name", ("convwork/probes.dat", *RANGES, *REQUESTS))
def test_cause_is_who_asked(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    for vm, true in matched(run, truth):
        causes = {"hypercall": Cause.EXPLICIT, "implicit": Cause.IMPLICIT}
        expected = [
            causes.get(c.why, Cause.VMM) for c in sorted(true.conversions, key=lambda c: c.t1)
        ]
        assert vm.conversions["cause"].tolist() == expected
        assert (vm.conversions["cause_certainty"] == Certainty.SEEN).all()


def test_cause_is_left_open_where_exits_were_not_recorded(recordings: Path) -> None:
    run, truth = case(recordings, "convwork/bpf.txt")
    for vm, _ in matched(run, truth):
        assert (vm.conversions["cause"] == Cause.NONE).all()
        assert (vm.conversions["cause_certainty"] == Certainty.UNKNOWN).all()


@pytest.mark.parametrize("name", ("convwork/probes.dat", *RANGES, *REQUESTS))
def test_hypercalls_and_memory_faults_are_events_of_their_vm(recordings: Path, name: str) -> None:
    run, truth = case(recordings, name)
    kinds = matched(run, truth)[0][0].events["kind"].tolist()
    assert kinds.count(EventKind.HYPERCALL) == truth.hypercall_exits + 2  # KVM refuses two itself
    assert kinds.count(EventKind.MEMORY_FAULT) == truth.memory_faults


def test_closing_is_seen_where_it_was_recorded(recordings: Path) -> None:
    run, truth = case(recordings, "convwork2/ident.dat")
    for vm, true in matched(run, truth):
        if true.ended is not None:
            assert vm.ended is not None
            t, is_inferred = vm.ended
            assert not is_inferred
            assert abs(t + run.header.clock_start_ns - true.ended) < 1_000_000


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("lossy/extract.dat", 12424),
        ("lossy/starved.dat", 12183),
        ("lossy/perf.script.txt", 903),
        ("lossy/tracefs.trace.txt", 3048),
    ],
)
def test_what_a_lossy_recording_says_is_true(recordings: Path, name: str, lost: int) -> None:
    run, truth = case(recordings, name)
    calls = [c for vm in truth.vms for c in vm.conversions]
    checked = 0
    for vm in run.sink.named():
        for row in vm.conversions:
            entered = int(row["t"]) + run.header.clock_start_ns
            for c in calls:
                if c.tid == row["tid"] and c.t0 - SLACK_NS <= entered <= c.t1:
                    checked += 1
                    assert row["outcome"] != Outcome.FAILED or row["errno"] == c.errno
                    if row["range_certainty"] != Certainty.UNKNOWN:
                        assert (int(row["gfn"]) << 12, int(row["npages"]) << 12) == (c.gpa, c.size)
                        assert row["to"] in (To.UNKNOWN, To(c.attributes == PRIVATE))
    assert checked > 20
    assert run.result.lost_events == lost
    assert run.sink.coverage["missing"]
