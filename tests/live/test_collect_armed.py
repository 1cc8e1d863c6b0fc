"""`gmemscope collect --armed` and `gmemscope trigger`: nothing is read before a trigger, and what
the buffers hold then is recorded."""

import os
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
from app.store.schema import Recording
from app.store.write import RecordingWriter
from collector.capture.agent import Context, collect
from collector.capture.inventory import scan
from collector.capture.live import LiveBatch, LiveOptions, SourceEnded
from collector.capture.tracefs import (
    TracefsArmed,
    _armed as tracefs_armed,
    _held as tracefs_held,
    _instance as tracefs_instance,
    left_behind,
    remove_left_behind,
)
from collector.capture.tracefs._cpu import Lost
from collector.codes import CallCode
from tests.forking import run
from tests.live.collecting import (
    TRACEFS,
    Collecting,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    started,
    wait_until,
)

NEVER, AT_ONCE = "1e12", "0.001"
"""Conversions per second."""
SMALL_KIB = 256
OVERWRITING = 20_000
"""Conversions; several times as many as fit into small buffers."""
CALLER = """\
import os, sys
sys.path.append(sys.argv[1])
from tests.live.kvm_calls import K4, PRIVATE, Vmm
vmm = Vmm(open("/dev/null", "w"), "mono")
vm = vmm.create_vm()
vmm.region(vm, 0, 0, 512 * K4)
for line in sys.stdin:
    cpu, times = map(int, line.split())
    os.sched_setaffinity(0, {cpu})
    for _ in range(times):
        vmm.attributes(vm, 0, K4, PRIVATE)
    print(flush=True)
"""


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_tracefs()


class Caller:
    """A VMM that asks for conversions, on a CPU and as often as a test wants."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def convert(self, times: int, cpu: int | None = None) -> None:
        on = min(os.sched_getaffinity(0)) if cpu is None else cpu
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(on, times, file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "\n"


@pytest.fixture
def caller() -> Iterator[Caller]:
    command = [sys.executable, "-c", CALLER, str(Path(__file__).parents[2])]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        caller = Caller(process)
        caller.convert(0)  # it is up, and its VM is there
        yield caller
        process.kill()


def options(caller: Caller, rate: str, calm: str = "600") -> tuple[str, ...]:
    of_trigger = ("--trigger-rate", rate, "--calm", calm)
    return ("--source", "tracefs", "--armed", *of_trigger, "--pid", str(caller.pid))


def await_armed(collecting: Collecting, times: int = 1) -> None:
    def is_armed() -> bool:
        is_running = collecting.process.poll() is None
        assert is_running, collecting.error_text
        return collecting.error_text.count("armed; ") >= times

    wait_until(is_armed)


def await_recording(collecting: Collecting, number: int) -> None:
    wait_until(lambda: f"recording {number} has begun" in collecting.error_text)


def instances_of(collecting: Collecting) -> list[Path]:
    return sorted((TRACEFS / "instances").glob(f"gmemscope_{collecting.process.pid}_*"))


def recordings_in(database: Path) -> list[tuple[Recording, int]]:
    """Each with how many conversions its VMs asked for."""
    engine = open_database(database, read_only=True)
    reader = Reader(engine)
    found = [(one, sum(vm.requested for vm in reader.vms(one.id))) for one in reader.recordings()]
    engine.dispose()
    return found


def test_command_records_what_was_before_it_and_comes_after_it(
    tmp_path: Path, caller: Caller
) -> None:
    database = tmp_path / "live.db"
    with started(database, *options(caller, NEVER)) as collecting:
        await_armed(collecting)
        caller.convert(70)
        assert recordings_in(database) == []
        asked = run(["trigger", "--database", database])
        assert asked.stdout == f"process {collecting.process.pid} was asked to record\n"
        await_recording(collecting, 1)
        caller.convert(30)
        collecting.end()
    assert collecting.process.returncode == 0
    assert "triggered: somebody asked for it" in collecting.error_text
    assert "nothing was recorded" not in collecting.error_text
    ((recording, requested),) = recordings_in(database)
    assert (recording.state, recording.losses, requested) == ("complete", 0, 100)
    assert instances_of(collecting) == []


def test_nothing_is_read_while_it_is_armed(tmp_path: Path, caller: Caller) -> None:
    with started(tmp_path / "live.db", *options(caller, NEVER)) as collecting:
        await_armed(collecting)
        caller.convert(500)
        recorder, counter = instances_of(collecting)
        assert counter.name.endswith("_count")
        assert entries(recorder) >= 2 * 500
        assert entries(counter) + overwritten(counter) == 500
        for instance in (recorder, counter):
            reads = [stat(one, "read events") for one in (instance / "per_cpu").iterdir()]
            assert reads == [0] * len(reads)
        descriptors = Path(f"/proc/{collecting.process.pid}/fd").iterdir()
        files = [one.readlink().name for one in descriptors]
        assert "trace_pipe_raw" not in files
        assert "stats" in files


def entries(instance: Path) -> int:
    return sum(stat(cpu, "entries") for cpu in (instance / "per_cpu").iterdir())


def overwritten(instance: Path) -> int:
    return sum(stat(cpu, "overrun") for cpu in (instance / "per_cpu").iterdir())


def stat(cpu: Path, name: str) -> int:
    lines = (cpu / "stats").read_text().splitlines()
    return sum(int(line.split(": ")[1]) for line in lines if line.startswith(f"{name}: "))


def test_rate_is_a_trigger_and_calm_arms_it_again(tmp_path: Path, caller: Caller) -> None:
    database = tmp_path / "live.db"
    with started(database, *options(caller, AT_ONCE, calm="0.1")) as collecting:
        for number in (1, 2):
            await_armed(collecting, times=number)
            caller.convert(40 * number)
            await_recording(collecting, number)
        await_armed(collecting, times=3)
        collecting.process.send_signal(signal.SIGINT)
        collecting.process.wait()
    assert collecting.process.returncode == 0
    assert "conversions per second; the buffers hold" in collecting.error_text
    recordings = recordings_in(database)
    assert {recording.state for recording, _ in recordings} == {"complete"}
    counts = [requested for _, requested in recordings]
    assert len(counts) >= 2  # more where the caller stood still for as long as calm is
    assert all(counts[:2])
    assert sum(counts) <= 120
    starts = [recording.clock_start_ns for recording, _ in recordings]
    assert starts == sorted(set(starts))


def test_signal_is_a_trigger_and_its_recording_ends_with_the_collector(
    tmp_path: Path, caller: Caller
) -> None:
    with started(tmp_path / "live.db", *options(caller, NEVER)) as collecting:
        await_armed(collecting)
        caller.convert(5)
        collecting.process.send_signal(signal.SIGUSR1)
        await_recording(collecting, 1)
        collecting.process.send_signal(signal.SIGUSR1)  # it goes on
        summary = collecting.end()
    assert (summary["recording"], summary["state"]) == (1, "complete")
    assert summary["conversions"]["requested"] == 5
    (vm,) = summary["vms"]
    assert vm["pid"] == caller.pid
    coverage = notes_of(tmp_path / "live.db")
    assert any("was triggered" in note and "somebody asked" in note for note in coverage)


def notes_of(database: Path) -> list[str]:
    engine = open_database(database, read_only=True)
    (recording,) = Reader(engine).recordings()
    engine.dispose()
    return list(recording.coverage["notes"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_while_armed_records_nothing(
    tmp_path: Path, caller: Caller, number: signal.Signals
) -> None:
    database = tmp_path / "live.db"
    with started(database, *options(caller, NEVER)) as collecting:
        await_armed(collecting)
        refused = run(["collect", "--source", "tracefs", "--database", database])
        assert f"is being written by process {collecting.process.pid}" in refused.stderr
        assert collecting.end(number) == {}
    assert collecting.process.returncode == 0
    assert "nothing was recorded" in collecting.error_text
    assert recordings_in(database) == []
    assert instances_of(collecting) == []


def test_duration_ends_it_while_it_is_armed(tmp_path: Path, caller: Caller) -> None:
    with started(tmp_path / "live.db", *options(caller, NEVER), "--duration", "0.1") as collecting:
        assert collecting.end(None) == {}
    assert collecting.process.returncode == 0
    assert "nothing was recorded" in collecting.error_text


def test_next_start_removes_what_a_killed_one_left(tmp_path: Path, caller: Caller) -> None:
    with started(tmp_path / "live.db", *options(caller, NEVER)) as collecting:
        await_armed(collecting)
        left = instances_of(collecting)
        collecting.process.kill()
        collecting.process.wait()
    assert len(left) == 2
    assert all(any(instance.name in line for line in left_behind()) for instance in left)
    assert not remove_left_behind()
    assert not any(instance.exists() for instance in left)


def test_trigger_needs_an_armed_collector(tmp_path: Path) -> None:
    database = tmp_path / "live.db"
    missing = run(["trigger", "--database", database])
    assert (missing.returncode, "there is no database" in missing.stderr) == (1, True)
    open_database(database).dispose()
    nobody = run(["trigger", "--database", database])
    assert nobody.returncode == 1
    assert "no collector is armed" in nobody.stderr
    with started(database, "--source", "tracefs") as collecting:
        collecting.await_begin()
        refused = run(["trigger", "--database", database])
        assert (refused.returncode, "is no armed collector" in refused.stderr) == (1, True)
        assert collecting.end()["state"] == "complete"


def test_bpftrace_cannot_be_armed(tmp_path: Path) -> None:
    need_bpftrace()
    command = ["collect", "--armed", "--source", "bpftrace", "--database", tmp_path / "live.db"]
    refused = run(command)
    assert refused.returncode == 3
    assert "bpftrace cannot be armed" in refused.stderr


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (["--trigger-rate", "5"], "--trigger-rate goes with --armed"),
        (["--calm", "5"], "--calm goes with --armed"),
        (["--armed", "--trigger-rate", "0"], "--trigger-rate is a positive number"),
        (["--armed", "--calm", "-1"], "--calm is a positive number"),
    ],
)
def test_options_that_mean_nothing_are_refused(asked: list[str], answer: str) -> None:
    refused = run(["collect", *asked])
    assert (refused.returncode, answer in refused.stderr) == (2, True)


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracefs_instance, "BUFFER_KIB", SMALL_KIB)
    monkeypatch.setattr(tracefs_instance, "LEAST_BUFFER_KIB", SMALL_KIB)


def overrun_of(armed: TracefsArmed) -> int:
    cpus = (armed._instance.path / "per_cpu").iterdir()
    return sum(Lost.parsed((cpu / "stats").read_text()).overrun for cpu in cpus)


def of_code(batches: list[LiveBatch], code: CallCode) -> np.ndarray:
    calls = np.concatenate([batch.calls for batch in batches])
    found: np.ndarray = calls[calls["code"] == code]
    return found


def taken(armed: TracefsArmed) -> tuple[list[LiveBatch], int, tuple[str, ...]]:
    """All batches that it held, its start, and its notes."""
    stop = Event()
    stop.set()
    with armed.take() as source:
        description = source.describe()
        return list(source.batches(stop)), description.clock_start_ns, description.notes


@pytest.mark.usefixtures("small_buffers")
def test_overwritten_events_are_a_loss_of_as_many_as_the_kernel_counted(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracefs_held, "LEAD_NS", 1 << 62)
    first, *_, last = sorted(os.sched_getaffinity(0)) * 2
    with TracefsArmed(LiveOptions((caller.pid,))) as armed:
        caller.convert(7, last)
        caller.convert(OVERWRITING, first)
        overrun = overrun_of(armed)
        batches, start_ns, _ = taken(armed)
    begins, ends = (of_code(batches, code) for code in (CallCode.LOSS_BEGIN, CallCode.LOSS_END))
    assert start_ns == armed._since.clock_ns
    assert (len(begins), begins["ts_exit"][0], ends["cpu"][0]) == (1, start_ns, first)
    assert ends["v"][0, 0] == overrun > OVERWRITING
    conversions = (
        of_code(batches, CallCode.UNKNOWN_IOCTL),
        of_code(batches, CallCode.SET_ATTRIBUTES),
    )
    seen = np.concatenate(conversions)
    assert len(seen) < OVERWRITING
    if first != last:
        assert (seen["ts_exit"] < ends["ts_exit"][0]).sum() == 7


@pytest.mark.usefixtures("small_buffers")
def test_recording_begins_where_no_cpu_was_overwritten_but_for_a_lead(
    tmp_path: Path, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracefs_held, "LEAD_NS", 0)
    first, *_, last = sorted(os.sched_getaffinity(0)) * 2
    stop, engine = Event(), open_database(tmp_path / "live.db")
    with TracefsArmed(LiveOptions((caller.pid,))) as armed:
        caller.convert(7, last)
        caller.convert(OVERWRITING, first)
        stop.set()
        with armed.take() as source:
            start_ns = source.describe().clock_start_ns
            found = scan((caller.pid,), time.CLOCK_MONOTONIC)
            context = Context(found, has_lead=True)
            collected = collect(
                source, lambda header: RecordingWriter(engine, header), stop, context
            )
        assert start_ns > armed._since.clock_ns
        assert (collected.counters.losses, collected.counters.lost) == (1, 0)
        recording = Reader(engine).recording(collected.recording_id)
        (vm,) = Reader(engine).vms(collected.recording_id)
        engine.dispose()
        assert recording.losses == 1, "of unknown size"
        assert 0 < vm.requested < OVERWRITING
        (note,) = [note for note in recording.coverage["notes"] if "overwritten" in note]
        assert f"{overrun_of(armed):,} events were overwritten" in note
        armed.rearm()
        assert (overrun_of(armed), armed._since.clock_ns > start_ns) == (0, True)
        caller.convert(9)
        batches, again_ns, notes = taken(armed)
    assert again_ns == armed._since.clock_ns
    assert not any("overwritten" in note for note in notes)
    assert not len(of_code(batches, CallCode.LOSS_END))


@pytest.mark.parametrize("which", ["_instance", "_counter"])
def test_meddling_is_noticed_while_it_is_armed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(tracefs_armed, "CHECK_S", 0.0)
    with TracefsArmed(LiveOptions((caller.pid,))) as armed:
        caller.convert(3)
        assert armed.conversions() == 3
        (getattr(armed, which).path / "tracing_on").write_text("0")
        with pytest.raises(SourceEnded, match="somebody switched"):
            armed.conversions()
