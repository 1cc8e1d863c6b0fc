"""`gmemscope collect` by bpftrace on this machine's KVM: what was stored is what a VMM did."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.database import open_database
from app.store.read import Reader
from tests.live.collecting import (
    Collecting,
    need_bpftrace,
    need_kvm,
    run_vmm,
    start_vmm,
    started,
    wait_until,
)
from tests.live.live_truth import check_vm, read_truth


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_bpftrace()


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Collecting]:
    with started(tmp_path / "live.db", "--source", "bpftrace") as collecting:
        yield collecting


def check_all(database: Path, truth: Path) -> None:
    """Our VMs, and none but those of our process; others may run on this machine."""
    true_vms = read_truth(truth)
    engine = open_database(database, read_only=True)
    reader = Reader(engine)
    recording = reader.recordings()[0]
    pid = true_vms[0].created_by["pid"]
    vms = [vm for vm in reader.vms(recording.id) if vm.pid == pid]
    assert [vm.vm_fd for vm in vms] == [true.fd for true in true_vms]
    for vm, true in zip(vms, true_vms, strict=True):
        check_vm(reader, vm.id, true, recording.clock_start_ns)
        assert (vm.private_pages, vm.unknown_pages, vm.effective_pages) == (0, 0, 0)
    engine.dispose()


def is_stored(database: Path, truth: Path) -> bool:
    """All calls of our VMs are in the database."""
    expected = [(len(true.calls),) for true in read_truth(truth)]
    pid = read_truth(truth)[0].created_by["pid"]
    query = "select events from vm where pid = ? order by id"
    with sqlite3.connect(database) as connection:
        return bool(connection.execute(query, (pid,)).fetchall() == expected)


def have_ended(database: Path, truth: Path) -> bool:
    """Our VMs: what ends one is no event of it, and may be stored later than its last call."""
    pid = read_truth(truth)[0].created_by["pid"]
    query = "select 1 from vm where pid = ? and ended_t is null"
    with sqlite3.connect(database) as connection:
        return connection.execute(query, (pid,)).fetchone() is None


def test_stores_each_call_of_each_vm(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with start_vmm(truth, "--wait", "--floods", "2000") as vmm:
        options = ("--source", "bpftrace", "--pid", str(vmm.pid))
        with started(tmp_path / "live.db", *options) as collecting:
            collecting.await_begin()
            vmm.communicate("go\n")
            summary = collecting.end(signal.SIGTERM)
            assert (collecting.process.returncode, summary["state"]) == (0, "complete")
    assert summary["conversions"]["failed"] == summary["conversions"]["requested"] == 2003
    assert (summary["lost_events"], summary["collector"]["lost"]) == (0, 0)
    # The VMs' creations and the process's end are no events of a VM.
    others = len(summary["vms"]) + 1
    assert summary["collector"]["events"] == sum(summary["events"].values()) + others
    check_all(tmp_path / "live.db", truth)


def test_is_readable_while_it_happens(tmp_path: Path, collecting: Collecting) -> None:
    truth = tmp_path / "truth.jsonl"
    collecting.await_begin()
    with start_vmm(truth, "--hold", "60") as vmm:
        assert vmm.stdout is not None
        assert vmm.stdout.readline() == "done\n"
        wait_until(lambda: is_stored(collecting.database, truth))
        vmm.kill()
    collecting.end(signal.SIGINT)
    assert collecting.process.returncode == 0


def test_follows_only_the_process_asked_for(tmp_path: Path) -> None:
    truth, other = tmp_path / "truth.jsonl", tmp_path / "other.jsonl"
    with start_vmm(truth, "--wait") as vmm:
        options = ("--source", "bpftrace", "--pid", str(vmm.pid))
        with started(tmp_path / "live.db", *options) as collecting:
            collecting.await_begin()
            run_vmm(other)
            vmm.communicate("go\n")
            summary = collecting.end(signal.SIGTERM)
            assert collecting.process.returncode == 0
    assert {vm["pid"] for vm in summary["vms"]} == {vmm.pid}
    check_all(tmp_path / "live.db", truth)


def test_ends_after_its_duration(tmp_path: Path) -> None:
    with started(tmp_path / "live.db", "--source", "bpftrace", "--duration", "1") as collecting:
        summary = collecting.end(None)
    assert (collecting.process.returncode, summary["state"]) == (0, "complete")


def test_dead_bpftrace_leaves_what_it_said(tmp_path: Path, collecting: Collecting) -> None:
    truth = tmp_path / "truth.jsonl"
    collecting.await_begin()
    run_vmm(truth)
    (child,) = collecting.children()
    wait_until(lambda: is_stored(collecting.database, truth))
    wait_until(lambda: have_ended(collecting.database, truth))
    os.kill(child, signal.SIGKILL)
    summary = collecting.end(None)
    assert collecting.process.returncode == 3
    assert summary["state"] == "incomplete"
    assert "bpftrace was ended by SIGKILL" in summary["incomplete_reason"]
    assert "kept, incomplete" in collecting.error_text
    check_all(collecting.database, truth)


def test_bpftrace_ends_when_the_collector_is_killed(tmp_path: Path, collecting: Collecting) -> None:
    collecting.await_begin()
    (child,) = collecting.children()
    collecting.process.kill()
    collecting.process.wait()
    wait_until(lambda: not Path(f"/proc/{child}").exists())
    with started(collecting.database, "--source", "bpftrace") as again:
        again.await_begin()
        assert again.end(signal.SIGTERM)["state"] == "complete"
    engine = open_database(collecting.database, read_only=True)
    states = [r.state for r in Reader(engine).recordings()]
    engine.dispose()
    assert sorted(states) == ["complete", "incomplete"]
