"""SIGKILL in the middle of a storm: nothing is left behind, and the next recording goes on."""

from pathlib import Path

import pytest

from app.model.guest import EventKind, Outcome
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import RecordingState, Vm
from tests.live.collecting import (
    TRACEFS,
    Collecting,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    start_vmm,
    started,
    wait_until,
)

STORM = 100_000_000
"""More calls than are made until the VMM is ended; none is well-formed."""
CONVERTED = 2
"""Well-formed calls before the storm, applied where KVM offers software-protected VMs."""


@pytest.fixture(params=["bpftrace", "tracefs"])
def source(request: pytest.FixtureRequest) -> str:
    need_kvm()
    need_tracefs()
    if request.param == "bpftrace":
        need_bpftrace()
    return str(request.param)


def vms_of(database: Path, pid: int) -> list[tuple[RecordingState, Vm]]:
    engine = open_database(database, read_only=True)
    reader = Reader(engine)
    found = [
        (RecordingState(recording.state), vm)
        for recording in sorted(reader.recordings(), key=lambda recording: recording.id)
        for vm in reader.vms(recording.id)
        if vm.pid == pid
    ]
    engine.dispose()
    return found


def await_conversions(collecting: Collecting, pid: int, recordings: int) -> None:
    """Until so many recordings have conversions of the process."""

    def are_there() -> bool:
        vms = [vm for _, vm in vms_of(collecting.database, pid) if vm.requested]
        return len({vm.recording_id for vm in vms}) == recordings

    wait_until(are_there)


def left_of(pid: int) -> list[str]:
    """Instances and probes are named by the process that made them."""
    instances = [path.name for path in (TRACEFS / "instances").iterdir()]
    probes = (TRACEFS / "dynamic_events").read_text().split()
    return [name for name in (*instances, *probes) if f"gmemscope_{pid}_" in name]


def test_nothing_is_left_and_the_next_recording_goes_on(tmp_path: Path, source: str) -> None:
    database = tmp_path / "live.db"
    options = ("--scene", "backings", "--burst", str(STORM))
    with start_vmm(tmp_path / "truth.jsonl", "--wait", *options) as vmm:
        try:
            follow = ("--source", source, "--pid", str(vmm.pid))
            with started(database, *follow) as killed:
                killed.await_begin()
                assert vmm.stdin is not None
                vmm.stdin.write("go\n")
                vmm.stdin.flush()
                await_conversions(killed, vmm.pid, 1)
                children = killed.children()
                killed.process.kill()
                killed.process.wait()
            with started(database, *follow) as again:
                again.await_begin()
                await_conversions(again, vmm.pid, 2)
                assert left_of(killed.process.pid) == []
                summary = again.end()
        finally:
            vmm.kill()
    assert summary["state"] == "complete"
    assert left_of(again.process.pid) == []
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    check(database, vmm.pid)


def check(database: Path, pid: int) -> None:
    """The first recording ends where it was killed; the storm changed no page in either."""
    vms = vms_of(database, pid)
    states = [state for state, _ in vms]
    assert states[0] == RecordingState.INCOMPLETE
    assert states[-1] == RecordingState.COMPLETE
    for _, vm in vms:
        assert vm.applied in (0, CONVERTED)
    assert (vms[-1][1].applied, vms[-1][1].effective_pages) == (0, 0)
    engine = open_database(database, read_only=True)
    events, _ = Reader(engine).events(vms[-1][1].id, limit=100)
    engine.dispose()
    conversions = events[events["kind"] == EventKind.CONVERSION]
    assert set(conversions["outcome"].tolist()) <= {Outcome.FAILED, Outcome.UNCONFIRMED}
