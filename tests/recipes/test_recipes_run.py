"""What `gmemscope recipe` prints, run as it is printed; the recording says what a VMM did."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.model.guest import Certainty
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import RecordingState
from app.store.write import RecordingWriter
from collector.capture.tracefs import _probes as tracefs_probes
from collector.importing import format_of, import_file
from collector.recipes import _bpftrace as bpftrace, _perf as perf, _trace_cmd as trace_cmd
from tests.live.collecting import (
    TRACEFS,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    run_vmm,
    wait_until,
)
from tests.live.live_truth import TrueVm, check_calls, check_pages, check_vm, read_truth

ROOT = Path(__file__).parents[2]
TRUTH = "truth.jsonl"
SCENES = ("--scene", "backings", "--scene", "vcpus")


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_tracefs()


@contextmanager
def imported(recording: Path) -> Iterator[Reader]:
    engine = open_database(recording.with_suffix(".db"))
    result = import_file(
        recording, format_of(recording), lambda header: RecordingWriter(engine, header)
    )
    assert (result.damage, result.lost_events) == (None, 0)
    reader = Reader(engine)
    assert reader.recording(result.recording_id).state == RecordingState.COMPLETE
    yield reader
    engine.dispose()


def ours(reader: Reader, truth: list[TrueVm]) -> Iterator[tuple[int, TrueVm]]:
    """The VMs of the VMM by their ids: others may have been made meanwhile."""
    pid = truth[0].created_by["pid"]
    ids = [vm.id for vm in reader.vms() if vm.pid == pid]
    return zip(ids, truth, strict=True)


def recorded(script: str, recording: Path) -> subprocess.CompletedProcess[str]:
    """Let a recipe's script record the VMM, which writes its truth beside the recording."""
    program, truth = recording.with_name("record.sh"), recording.with_name(TRUTH)
    program.write_text(script)
    vmm = [sys.executable, "-m", "tests.live.vmm", str(truth), "--clock", "mono", *SCENES]
    return subprocess.run(
        ["sh", str(program), *vmm],
        cwd=ROOT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OUTPUT": str(recording)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_bpftrace_program_records_everything(tmp_path: Path) -> None:
    need_bpftrace()
    program, recording = tmp_path / "gmemscope.bt", tmp_path / "recording.txt"
    program.write_text(bpftrace.PROGRAM)
    with recording.open("wb") as out:
        recorder = subprocess.Popen(["bpftrace", str(program)], stdout=out)
    try:
        wait_until(lambda: bpftrace.FIRST_LINE.encode() in recording.read_bytes())
        run_vmm(tmp_path / TRUTH, *SCENES)
        recorder.send_signal(signal.SIGINT)
        recorder.wait(60)
    finally:
        recorder.kill()
        recorder.wait()
    truth = read_truth(tmp_path / TRUTH)
    with imported(recording) as reader:
        start_ns = reader.recordings()[0].clock_start_ns
        for vm_id, true in ours(reader, truth):
            check_vm(reader, vm_id, true, start_ns)


def test_perf_script_records_calls_and_results(tmp_path: Path) -> None:
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed")
    recording = tmp_path / "recording.txt"
    done = recorded(perf.SCRIPT, recording)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert list(tmp_path.glob("*.data")) == []
    truth = read_truth(tmp_path / TRUTH)
    with imported(recording) as reader:
        start_ns = reader.recordings()[0].clock_start_ns
        for vm_id, true in ours(reader, truth):
            for event, _ in check_calls(reader, vm_id, true, start_ns):
                assert event["range_certainty"] == Certainty.UNKNOWN
        assert reader.recordings()[0].clock == "mono"
        assert reader.recordings()[0].coverage["sees"]["hypercalls"]


def test_trace_cmd_script_names_probes_that_this_kernel_takes() -> None:
    """Each probe is made as the script makes it, under a name of the test's own."""
    probes = re.findall(r"add (\w+) '(.*)'", trace_cmd.SCRIPT)
    assert probes
    for name, definition in probes:
        make_probe(f"gmemscope_test_{name}", definition)


def make_probe(name: str, definition: str) -> None:
    if not (TRACEFS / "dynamic_events").exists():
        pytest.skip("hardware: this machine's kernel has no dynamic events")
    try:
        tracefs_probes.write(TRACEFS, f"e:gmemscope_test/{name} {definition}")
    except OSError as error:
        if not has_event_probes():
            pytest.skip("hardware: this machine's kernel has no event probes")
        raise AssertionError(definition) from error
    tracefs_probes.remove(TRACEFS, "gmemscope_test", name)


def has_event_probes() -> bool:
    return tracefs_probes.tried(TRACEFS).are_event_probes


def test_trace_cmd_script_records_everything(tmp_path: Path) -> None:
    if shutil.which("trace-cmd") is None:
        pytest.skip("trace-cmd is not installed")
    if not has_event_probes():
        pytest.skip("hardware: this machine's kernel has no event probes")
    recording = tmp_path / "recording.dat"
    done = recorded(trace_cmd.SCRIPT, recording)
    assert done.returncode == 0, done.stderr
    assert ("gmemscope", "set_region") not in tracefs_probes.present(TRACEFS)
    truth = read_truth(tmp_path / TRUTH)
    with imported(recording) as reader:
        start_ns = reader.recordings()[0].clock_start_ns
        for vm_id, true in ours(reader, truth):
            check_vm(reader, vm_id, true, start_ns)
            check_pages(reader, reader.vm(vm_id), true)


@pytest.mark.parametrize("script", [trace_cmd.SCRIPT, perf.SCRIPT])
def test_scripts_are_posix_shell(tmp_path: Path, script: str) -> None:
    path = tmp_path / "script.sh"
    path.write_text(script)
    subprocess.run(["sh", "-n", str(path)], check=True)
