"""`gmemscope collect` by bpftrace on this machine's KVM: what was stored is what a VMM did."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from collecting import (
    Collecting,
    need_bpftrace,
    need_kvm,
    run_vmm,
    start_vmm,
    started,
    wait_until,
)
from live_truth import check_vm, read_truth

from app.store.database import open_database
from app.store.reader import Reader


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_bpftrace()


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Collecting]:
    with started(tmp_path / "live.db") as collecting:
        yield collecting


def check_all(database: Path, truth: Path) -> None:
    engine = open_database(database, read_only=True)
    reader = Reader(engine)
    recording = reader.recordings()[0]
    vms, true_vms = reader.vms(recording.id), read_truth(truth)
    assert [vm.vm_fd for vm in vms] == [true.fd for true in true_vms]
    for vm, true in zip(vms, true_vms, strict=True):
        check_vm(reader, vm.id, true, recording.clock_start_ns)
        assert (vm.private_pages, vm.unknown_pages, vm.effective_pages) == (0, 0, 0)
    engine.dispose()


def test_stores_each_call_of_each_vm(tmp_path: Path, collecting: Collecting) -> None:
    collecting.await_begin()
    run_vmm(tmp_path / "truth.jsonl", "--floods", "2000")
    summary = collecting.end(signal.SIGTERM)
    assert (collecting.process.returncode, summary["state"]) == (0, "complete")
    assert summary["conversions"]["failed"] == summary["conversions"]["requested"] == 2003
    assert (summary["lost_events"], summary["collector"]["lost"]) == (0, 0)
    assert summary["collector"]["events"] == sum(summary["events"].values()) + len(summary["vms"])
    check_all(collecting.database, tmp_path / "truth.jsonl")


def test_is_readable_while_it_happens(tmp_path: Path, collecting: Collecting) -> None:
    collecting.await_begin()
    with start_vmm(tmp_path / "truth.jsonl", "--hold", "60") as vmm:
        assert vmm.stdout is not None
        assert vmm.stdout.readline() == "done\n"
        expected = [(len(true.calls),) for true in read_truth(tmp_path / "truth.jsonl")]

        def is_there() -> bool:
            with sqlite3.connect(collecting.database) as connection:
                rows = connection.execute("select events from vm order by id").fetchall()
            return bool(rows == expected)

        wait_until(is_there)
        vmm.kill()
    assert "source bpftrace: it reads" in collecting.error_text
    collecting.end(signal.SIGINT)
    assert collecting.process.returncode == 0


def test_ends_after_its_duration_and_follows_only_the_process_asked_for(tmp_path: Path) -> None:
    truth, other = tmp_path / "truth.jsonl", tmp_path / "other.jsonl"
    with start_vmm(truth, "--wait") as vmm:
        options = ("--duration", "8", "--pid", str(vmm.pid))
        with started(tmp_path / "live.db", *options) as collecting:
            collecting.await_begin()
            run_vmm(other)
            vmm.communicate("go\n")
            summary = collecting.end(None)
            assert collecting.process.returncode == 0
    assert {vm["pid"] for vm in summary["vms"]} == {vmm.pid}
    check_all(collecting.database, truth)


def test_dead_bpftrace_leaves_what_it_said(tmp_path: Path, collecting: Collecting) -> None:
    collecting.await_begin()
    run_vmm(tmp_path / "truth.jsonl")
    (child,) = collecting.children()
    # What it said is in the pipe by its next sign of life.
    wait_until(lambda: has_vms(collecting.database))
    os.kill(child, signal.SIGKILL)
    summary = collecting.end(None)
    assert collecting.process.returncode == 3
    assert summary["state"] == "incomplete"
    assert "bpftrace was ended by SIGKILL" in summary["incomplete_reason"]
    assert "kept, incomplete" in collecting.error_text
    check_all(collecting.database, tmp_path / "truth.jsonl")


def has_vms(database: Path) -> bool:
    with sqlite3.connect(database) as connection:
        (count,) = connection.execute("select count(*) from vm where events > 0").fetchone()
    return bool(count == 2)


def test_bpftrace_ends_when_the_collector_is_killed(tmp_path: Path, collecting: Collecting) -> None:
    collecting.await_begin()
    (child,) = collecting.children()
    collecting.process.kill()
    collecting.process.wait()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), patience_s=20)
    with started(collecting.database, "--duration", "1") as again:
        assert again.end(None)["state"] == "complete"
    engine = open_database(collecting.database, read_only=True)
    states = [r.state for r in Reader(engine).recordings()]
    engine.dispose()
    assert sorted(states) == ["complete", "incomplete"]
