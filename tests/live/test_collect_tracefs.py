"""`gmemscope collect --source tracefs`: floods, losses, meddling; nothing is left behind.

What it tells of each call is compared with the truth in test_collect_scenes.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from app.store.database import open_database
from app.store.read import Reader
from collector.capture.live import LiveOptions, SourceEnded
from collector.capture.tracefs import (
    TracefsLive,
    _instance as tracefs_instance,
    left_behind,
    remove_left_behind,
)
from collector.capture.tracefs._cpu import Lost
from collector.capture.tracefs._owner import Owner, start_of
from collector.codes import CallCode
from collector.coverage import Capability
from collector.records import RECORD, CallArray
from tests.live.collecting import (
    PATIENCE_S,
    TRACEFS,
    Collecting,
    need_kvm,
    need_tracefs,
    start_vmm,
    started,
)

BURST = 100_000
TOO_MUCH = 800_000
"""More than fits into the buffers of two CPUs."""
SMALL_KIB = 256
CLOSES = 60_000
"""Several times as many as fit into small buffers."""
ALLOCATED = 512
"""Pages of each of the VMM's two guest_memfds."""
PAGE_DELETED = CallCode.PAGE_CACHE_DELETE
CLOSER = """\
import os, sys
for line in sys.stdin:
    for _ in range(int(line)):
        try:
            os.close(999)
        except OSError:
            pass
    print(flush=True)
"""


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


def name_of(collecting: Collecting) -> str:
    pid = collecting.process.pid
    return Owner(pid, start_of(pid) or 0).name


def instance_of(collecting: Collecting) -> Path:
    return TRACEFS / "instances" / name_of(collecting)


def run_vmm(truth: Path, *options: str) -> int:
    """Its process."""
    with start_vmm(truth, *options) as vmm:
        assert vmm.communicate(timeout=PATIENCE_S)[0] == "done\n"
    return vmm.pid


def requested_by(pid: int, database: Path) -> int:
    """Conversions, by the VMs of one process: others may run on this machine meanwhile."""
    engine = open_database(database, read_only=True)
    requested = sum(vm.requested for vm in Reader(engine).vms() if vm.pid == pid)
    engine.dispose()
    return requested


def test_burst_is_recorded_whole(tmp_path: Path, collecting: Collecting) -> None:
    """And it is a storm, of which the journal has a line when it begins and one when it ended."""
    pid = run_vmm(tmp_path / "truth.jsonl", "--burst", str(BURST))
    summary = collecting.end()
    assert (summary["state"], summary["losses"]) == ("complete", 0)
    assert requested_by(pid, collecting.database) == BURST + 3
    begun, ended = (line for line in collecting.errors if line.startswith("gmemscope: storm c"))
    assert "while the guest boots: " in begun
    assert re.search(r"has ended at t\+[\d.]+ s: (100,00[0-3]) conversions in .*/s\. .*\.$", ended)
    assert "asked 100,00" in ended


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
    assert summary["lost_events"] > 0
    assert 0 < summary["conversions"]["requested"] < TOO_MUCH


def test_next_start_removes_what_a_killed_one_left(collecting: Collecting) -> None:
    left, name = instance_of(collecting), name_of(collecting)
    collecting.process.kill()
    collecting.process.wait()
    assert left.is_dir()
    assert any(name in line for line in left_behind())
    with started(collecting.database, "--source", "tracefs") as again:
        again.await_begin()
        assert not left.exists()
        assert not any(name in line for line in left_behind())
        instance = instance_of(again)
        assert again.end()["state"] == "complete"
        assert not instance.exists()


def test_no_time_is_claimed_before_the_kernel_records(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[int] = []
    begin = tracefs_instance.TracefsInstance.begin

    def noted(instance: tracefs_instance.TracefsInstance) -> None:
        assert "0" in (instance.path / "tracing_on").read_text()
        assert len((instance.path / "set_event").read_text().split()) == len(instance.formats)
        began.append(time.monotonic_ns())
        begin(instance)

    ready = time.monotonic_ns()
    monkeypatch.setattr(tracefs_instance.TracefsInstance, "begin", noted)
    with TracefsLive(LiveOptions()) as source:
        claimed = source.describe().clock_start_ns
        assert "1" in (source._instance.path / "tracing_on").read_text()
    assert ready < claimed < began[0]


def test_two_collectors_record_the_same(tmp_path: Path, collecting: Collecting) -> None:
    with started(tmp_path / "other.db", "--source", "tracefs") as other:
        other.await_begin()
        assert instance_of(collecting).is_dir()
        assert instance_of(other).is_dir()
        pid = run_vmm(tmp_path / "truth.jsonl", "--floods", "50")
        assert other.end()["state"] == "complete"
    assert instance_of(collecting).is_dir()
    assert collecting.end()["state"] == "complete"
    assert requested_by(pid, collecting.database) == requested_by(pid, other.database) == 53


def test_recording_that_somebody_switches_off_ends_and_says_so(collecting: Collecting) -> None:
    instance = instance_of(collecting)
    (instance / "tracing_on").write_text("0")
    summary = collecting.end(None)
    assert collecting.process.returncode == 3
    assert summary["state"] == "incomplete"
    assert "somebody switched the tracing instance" in collecting.error_text
    assert not instance.exists()


@pytest.mark.parametrize(
    ("file", "word", "problem"),
    [
        ("trace_clock", "global", "somebody changed the clock"),
        ("events/syscalls/sys_exit_ioctl/enable", "0", "switched syscalls:sys_exit_ioctl off"),
    ],
)
def test_meddling_is_noticed(file: str, word: str, problem: str) -> None:
    with TracefsLive(LiveOptions((os.getpid(),))) as source:
        batches = source.batches(Event())
        next(batches)
        source._instance.write(file, word)
        with pytest.raises(SourceEnded, match=problem):
            for _ in batches:
                pass


def test_event_that_was_written_late_keeps_its_place_in_the_order() -> None:
    with TracefsLive(LiveOptions((os.getpid(),))) as source:
        next(source.batches(Event()))
        late = np.zeros(2, RECORD)
        late["ts"] = source._read_to - 7_000_000, source._read_to + 1
        source._move_late(late)
        assert late["ts"].tolist() == [source._read_to, source._read_to + 1]
        (note,) = [note for note in source.describe().notes if "written late" in note]
        assert note.startswith("1 events were written late and are shown up to 7 ms after")
        late["ts"][0] = source._read_to - 3_000_000_000
        with pytest.raises(SourceEnded, match="out of order"):
            source._move_late(late)


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracefs_instance, "BUFFER_KIB", SMALL_KIB)
    monkeypatch.setattr(tracefs_instance, "LEAST_BUFFER_KIB", SMALL_KIB)


@pytest.fixture
def closer() -> Iterator[subprocess.Popen[str]]:
    """A process that closes what is not open, as often as a line says."""
    command = [sys.executable, "-c", CLOSER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        yield child
        child.kill()


def close_often(closer: subprocess.Popen[str], times: int) -> None:
    assert closer.stdin is not None
    assert closer.stdout is not None
    print(times, file=closer.stdin, flush=True)
    assert closer.stdout.readline() == "\n"


@pytest.mark.usefixtures("small_buffers")
def test_loss_is_what_the_kernel_counted(closer: subprocess.Popen[str]) -> None:
    stop = Event()
    with TracefsLive(LiveOptions((closer.pid,))) as source:
        source.start(stop)
        batches = source.batches(stop)
        found = [next(batches).calls]
        for times in (CLOSES, 100, CLOSES):
            close_often(closer, times)
            found += [next(batches).calls, next(batches).calls]
        stop.set()
        found += [batch.calls for batch in batches]
        kernel = sum(lost_by(source, cpu) for cpu in source._instance.cpus())
        events = sum(source.event_counts()[0].values())
    ends = of_code(np.concatenate(found), CallCode.LOSS_END)
    assert int(ends["v"][:, 0].sum()) == kernel > CLOSES
    assert events + kernel >= 2 * (2 * CLOSES + 100)
    assert (ends["v"][:, 1] <= ends["ts_exit"]).all()


def lost_by(source: TracefsLive, cpu: int) -> int:
    lost = Lost.parsed((source._instance.path / f"per_cpu/cpu{cpu}/stats").read_text())
    return lost.overrun + lost.unflagged


def of_code(calls: CallArray, code: CallCode) -> CallArray:
    found: CallArray = calls[calls["code"] == code]
    return found


def test_page_cache_of_guest_memfds_is_recorded_when_wished(tmp_path: Path) -> None:
    stop = Event()
    with TracefsLive(LiveOptions(backing=True)) as source:
        assert source.describe().sees[Capability.BACKING]
        batches = source.batches(stop)
        next(batches)
        pid = run_vmm(tmp_path / "truth.jsonl")
        stop.set()
        calls = np.concatenate([batch.calls for batch in batches])
    calls = calls[calls["tgid"] == pid]
    added, deleted = of_code(calls, CallCode.PAGE_CACHE_ADD), of_code(calls, PAGE_DELETED)
    files, pages = np.unique(added["v"][:, 0], return_counts=True)
    assert pages.tolist() == [ALLOCATED, ALLOCATED]
    punched = [deleted["v"][deleted["v"][:, 0] == file, 1][:2].tolist() for file in files]
    assert punched == [[1, 2], [1, 2]]
