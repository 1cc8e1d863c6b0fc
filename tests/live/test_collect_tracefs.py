"""`gmemscope collect --source tracefs`: what tracepoints can tell; nothing is left behind."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import TRACEFS, Collecting, need_kvm, need_tracefs, run_vmm, started
from live_truth import TrueVm, assert_within, read_truth

from app.model.events import Certainty, EventKind, Outcome
from app.store.database import open_database
from app.store.reader import Reader
from collector.sources.tracefs_left import remove_left_behind
from collector.sources.tracefs_owner import Owner, start_of

KINDS = {
    "set_attributes": {EventKind.CONVERSION},
    "set_region": {EventKind.MEMSLOT},
    "create_guest_memfd": {EventKind.GUEST_MEMFD},
    "fallocate": {EventKind.PUNCH_HOLE, EventKind.ALLOCATE},
}

BURST = 100_000
TOO_MUCH = 800_000
"""More than fits into the buffers of two CPUs."""


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_tracefs()


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Collecting]:
    with started(tmp_path / "live.db", "--source", "tracefs") as collecting:
        collecting.await_begin()
        yield collecting
    assert not remove_left_behind()


def instance_of(collecting: Collecting) -> Path:
    pid = collecting.process.pid
    return TRACEFS / "instances" / Owner(pid, start_of(pid) or 0).name


def test_tells_order_result_and_time_but_no_range(tmp_path: Path, collecting: Collecting) -> None:
    assert instance_of(collecting).is_dir()
    run_vmm(tmp_path / "truth.jsonl", "--floods", "2000", "--clock", "mono")
    instance = instance_of(collecting)
    summary = collecting.end()
    assert (summary["state"], summary["lost_events"], summary["memslots"]) == ("complete", 0, 0)
    assert any("only a pointer" in cost for cost in summary["missing"])
    assert not instance.exists()
    engine = open_database(collecting.database, read_only=True)
    reader = Reader(engine)
    start_ns = reader.recordings()[0].clock_start_ns
    vms, true_vms = reader.vms(), read_truth(tmp_path / "truth.jsonl")
    assert [vm.vm_fd for vm in vms] == [true.fd for true in true_vms]
    for vm, true in zip(vms, true_vms, strict=True):
        assert vm.created_t is not None
        assert_within(vm.created_t + start_ns, true.created_by)
        check_vm(reader, vm.id, true, start_ns)
        assert vm.effective_pages == 0
    engine.dispose()


def check_vm(reader: Reader, vm_id: int, true: TrueVm, start_ns: int) -> None:
    events, _ = reader.events(vm_id, limit=len(true.calls) + 1)
    assert len(events) == len(true.calls)
    for event, call in zip(events, true.calls, strict=True):
        assert event["kind"] in KINDS[call["op"]]
        assert (event["tid"], event["errno"]) == (call["tid"], max(0, -call["ret"]))
        assert event["outcome"] == (Outcome.FAILED if call["ret"] < 0 else Outcome.APPLIED)
        assert event["range_certainty"] == Certainty.UNKNOWN
        begin = int(event["t"]) + start_ns
        assert call["t0"] <= begin <= begin + int(event["latency_ns"]) <= call["t1"]


def test_burst_is_recorded_whole(tmp_path: Path, collecting: Collecting) -> None:
    run_vmm(tmp_path / "truth.jsonl", "--burst", str(BURST))
    summary = collecting.end()
    assert (summary["state"], summary["losses"]) == ("complete", 0)
    assert summary["conversions"]["requested"] == summary["conversions"]["failed"] == BURST + 3


def test_what_is_lost_while_it_stands_still_is_shown(
    tmp_path: Path, collecting: Collecting
) -> None:
    run_vmm(tmp_path / "before.jsonl")
    collecting.process.send_signal(signal.SIGSTOP)
    try:
        run_vmm(tmp_path / "truth.jsonl", "--burst", str(TOO_MUCH))
    finally:
        collecting.process.send_signal(signal.SIGCONT)
    summary = collecting.end()
    assert summary["state"] == "complete"
    assert summary["losses"] >= 1
    assert 0 < summary["conversions"]["requested"] < TOO_MUCH


def test_next_start_removes_what_a_killed_one_left(collecting: Collecting) -> None:
    left = instance_of(collecting)
    collecting.process.kill()
    collecting.process.wait()
    assert left.is_dir()
    with started(collecting.database, "--source", "tracefs", "--duration", "0.5") as again:
        again.await_begin()
        assert not left.exists()
        instance = instance_of(again)
        assert again.end(None)["state"] == "complete"
        assert not instance.exists()
