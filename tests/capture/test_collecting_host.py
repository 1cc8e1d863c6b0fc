"""`gmemscope collect` on this machine: rights it goes on with, company, a store that is too slow,
and being killed in the middle of a storm."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from app.model.events import EventArray
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.capture.agent import Context, collect
from collector.capture.live import LiveOptions
from collector.capture.privileges import capability_mask
from collector.capture.tracefs import TracefsLive
from tests.live.collecting import (
    PATIENCE_S,
    TRACEFS,
    Collecting,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    start_vmm,
    started,
    wait_until,
)

NOBODY = 65534
KEPT = 1 << 19 | 1 << 2
DAC_OVERRIDE = 1 << 1
BURST = 800_000
"""Calls; more than the buffers of two CPUs hold."""

STORM = """
import sys, time
sys.path.append(sys.argv[1])
from tests.live.kvm_calls import K4, PRIVATE, Vmm
vmm = Vmm(open("/dev/null", "w"), "mono")
vm = vmm.create_vm()
vmm.region(vm, 0, 0, 512 * K4)
print("storm", flush=True)
while True:
    vmm.attributes(vm, 0, K4, PRIVATE)
    time.sleep(0.0001)
"""


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_tracefs()


def capabilities_of(collecting: Collecting) -> set[tuple[int, int]]:
    """(effective, permitted) of all threads."""
    tasks = Path(f"/proc/{collecting.process.pid}/task").iterdir()
    return {
        (capability_mask(task / "status"), capability_mask(task / "status", "CapPrm"))
        for task in tasks
    }


def instances_of(collecting: Collecting) -> list[Path]:
    return list((TRACEFS / "instances").glob(f"gmemscope_{collecting.process.pid}_*"))


@pytest.mark.parametrize("source", ["tracefs", "bpftrace"])
def test_goes_on_with_two_capabilities_and_still_ends_cleanly(tmp_path: Path, source: str) -> None:
    if source == "bpftrace":
        need_bpftrace()
    with started(tmp_path / "live.db", "--source", source) as collecting:
        collecting.await_begin()
        assert capabilities_of(collecting) == {(KEPT, KEPT)}
        status = Path(f"/proc/{collecting.process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        children = collecting.children()
        assert (len(instances_of(collecting)), len(children)) == (
            (1, 0) if source == "tracefs" else (0, 1)
        )
        summary = collecting.end(signal.SIGTERM)
    assert (collecting.process.returncode, summary["state"]) == (0, "complete")
    assert instances_of(collecting) == []
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert summary["collector"]["batches"] > 0


def test_in_another_users_folder_it_acts_as_that_user(open_folder: Path) -> None:
    """With no capability more, and long after it gave up those that opening needed."""
    folder = open_folder / "theirs"
    folder.mkdir(0o700)
    os.chown(folder, NOBODY, NOBODY)
    with started(folder / "live.db", "--source", "tracefs") as collecting:
        collecting.await_begin()
        assert capabilities_of(collecting) == {(KEPT, KEPT)}
        assert {path.stat().st_uid for path in folder.iterdir()} == {NOBODY}
        assert collecting.end()["state"] == "complete"
    assert "CAP_DAC_OVERRIDE" not in collecting.error_text
    assert {path.name for path in folder.iterdir()} == {"live.db", "live.db.lock"}


def test_second_collector_coexists_or_is_told_who_writes(tmp_path: Path) -> None:
    with started(tmp_path / "live.db", "--source", "tracefs") as first:
        first.await_begin()
        with started(tmp_path / "other.db", "--source", "tracefs") as second:
            second.await_begin()
            assert len(instances_of(first)) == len(instances_of(second)) == 1
            with started(tmp_path / "live.db", "--source", "tracefs") as third:
                assert third.end(None) == {}
                assert third.process.returncode == 1
            assert f"is being written by process {first.process.pid}" in third.error_text
            assert second.end()["state"] == "complete"
        assert first.end()["state"] == "complete"


def test_store_that_is_too_slow_loses_nothing_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch is stored only when the kernel's buffers have overrun."""
    append = RecordingWriter.append
    stop, waited = Event(), Event()
    with start_vmm(tmp_path / "truth.jsonl", "--wait", "--burst", str(BURST)) as vmm:

        def slowly(writer: RecordingWriter, vm_id: int, events: EventArray) -> None:
            if not waited.is_set():
                assert vmm.stdout is not None
                assert vmm.stdout.read() == "done\n"
                waited.set()
            append(writer, vm_id, events)
            stop.set()

        monkeypatch.setattr(RecordingWriter, "append", slowly)
        engine = open_database(tmp_path / "slow.db")

        def open_sink(header: RecordingHeader) -> RecordingWriter:
            assert vmm.stdin is not None
            vmm.stdin.write("go\n")
            vmm.stdin.flush()
            return RecordingWriter(engine, header, is_live=True)

        with TracefsLive(LiveOptions((vmm.pid,))) as source:
            source.start(stop)
            collected = collect(source, open_sink, stop, Context())
            used, unused = source.event_counts()
    recording = Reader(engine).recording(collected.recording_id)
    engine.dispose()
    counters = collected.counters
    assert counters.losses > 0
    assert counters.lost == recording.lost_events > 0
    assert counters.max_wait_s > 0
    calls = sum(number for name, number in {**used, **unused}.items() if name.endswith("_ioctl"))
    assert calls < 2 * BURST
    assert calls + counters.lost >= 2 * BURST, "entries and exits are recorded or counted as lost"


@pytest.fixture
def storm() -> Iterator[subprocess.Popen[str]]:
    """A process that asks for one conversion after the other; this kernel may refuse them."""
    command = [sys.executable, "-c", STORM, str(Path(__file__).parents[2])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "storm\n"
        yield process
        process.kill()


def test_collector_killed_in_a_storm_is_followed_by_one_that_sees_the_same_vm(
    tmp_path: Path, storm: subprocess.Popen[str]
) -> None:
    options = ("--source", "tracefs", "--pid", str(storm.pid))
    with started(tmp_path / "live.db", *options) as first:
        first.await_begin()
        engine = open_database(tmp_path / "live.db", read_only=True)
        reader = Reader(engine)
        wait_until(lambda: any(vm.requested > 1000 for vm in reader.vms(1)))
        first.process.kill()
        first.process.wait(PATIENCE_S)
    with started(tmp_path / "live.db", *options) as second:
        second.await_begin()
        assert instances_of(first) == []
        wait_until(lambda: any(vm.requested > 1000 for vm in reader.vms(2)))
        assert second.end()["state"] == "complete"
    cut, whole = reader.recordings()
    assert (cut.state, whole.state) == ("incomplete", "complete")
    assert "ended without finishing" in str(cut.incomplete_reason)
    for recording_id in (1, 2):
        (vm,) = reader.vms(recording_id)
        assert (vm.pid, vm.created_t) == (storm.pid, None), "it ran before"
        seqs = np.concatenate([chunk for _, chunk in reader.iter_events(vm.id)])
        assert seqs.tolist() == list(range(vm.events))
    engine.dispose()


def test_doctor_removes_what_a_killed_collector_left(tmp_path: Path) -> None:
    with started(tmp_path / "live.db", "--source", "tracefs") as collecting:
        collecting.await_begin()
        collecting.process.kill()
        collecting.process.wait(PATIENCE_S)
    command = [sys.executable, "-m", "app.cli", "doctor", "--clean"]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=PATIENCE_S)
    # Any other collector that starts in between on this host removes it, too.
    assert (ran.returncode, instances_of(collecting)) == (0, [])
    assert "left behind" not in ran.stdout or str(collecting.process.pid) not in ran.stdout
