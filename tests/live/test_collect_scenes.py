"""`gmemscope collect` beside a VMM, by each source: what was stored is what the VMM did.

One recording of each source holds all scenes. What a source tells of each call is compared in
full. Where it says that it cannot see something, that is unknown and not guessed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.model.guest import Certainty, EventKind
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import Vm
from collector.coverage import Capability
from tests.live.collecting import (
    PATIENCE_S,
    Collecting,
    need_bpftrace,
    need_kvm,
    need_tracefs,
    run_vmm,
    start_vmm,
    started,
)
from tests.live.live_truth import (
    TrueVm,
    assert_within,
    check_calls,
    check_pages,
    check_vm,
    read_truth,
)

CLOCK_OF = {"bpftrace": "boot", "tracefs": "mono"}
NEED = {"bpftrace": need_bpftrace, "tracefs": need_tracefs}
SCENES = ("backings", "refused", "descriptors", "vcpus", "exec")
KILLED = {
    "killed-between-calls": ("done\n", "backings"),
    "killed-in-a-call": ("calling\n", "killed"),
}
"""What the VMM says before it is killed, and the scene that it plays."""


@dataclass(frozen=True)
class Recorded:
    """One recording, and the truth of each VMM that ran beside it."""

    reader: Reader
    truths: dict[str, list[TrueVm]]

    def vms(self, scene: str) -> list[Vm]:
        """Those of the scene's process: others may run on this machine meanwhile."""
        pid = self.truths[scene][0].created_by["pid"]
        return [vm for vm in self.reader.vms() if vm.pid == pid]

    def sees(self, capability: Capability) -> bool:
        return bool(self.reader.recordings()[0].coverage["sees"][capability])

    @property
    def start_ns(self) -> int:
        return self.reader.recordings()[0].clock_start_ns


@pytest.fixture(scope="module", params=["bpftrace", "tracefs"])
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    need_kvm()
    source = str(request.param)
    NEED[source]()
    folder = tmp_path_factory.mktemp(source)
    with started(folder / "live.db", "--source", source) as collecting:
        collecting.await_begin()
        play(folder, CLOCK_OF[source])
        check_summary(collecting)
    engine = open_database(folder / "live.db", read_only=True)
    truths = {path.stem: read_truth(path) for path in folder.glob("*.jsonl")}
    yield Recorded(Reader(engine), truths)
    engine.dispose()


def play(folder: Path, clock: str) -> None:
    """Let a VMM play each scene."""
    for scene in SCENES:
        run_vmm(folder / f"{scene}.jsonl", "--clock", clock, "--scene", scene)
    for name, (last_words, scene) in KILLED.items():
        options = ("--clock", clock, "--scene", scene, "--hold", "60")
        with start_vmm(folder / f"{name}.jsonl", *options) as vmm:
            assert vmm.stdout is not None
            assert vmm.stdout.readline() == last_words
            if scene == "killed":
                await_work_in_kernel(vmm.pid)
            vmm.kill()


def await_work_in_kernel(pid: int) -> None:
    """Until a process has spent some time in a system call: that call has begun."""
    deadline = time.monotonic() + PATIENCE_S
    before = system_ticks(pid)
    while system_ticks(pid) < before + 3:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def system_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[12])


def check_summary(collecting: Collecting) -> None:
    summary = collecting.end()
    assert (collecting.process.returncode, summary["state"]) == (0, "complete")
    assert summary["losses"] == 0


@pytest.mark.parametrize("scene", [*SCENES, *KILLED])
def test_stores_what_the_vmm_did(recorded: Recorded, scene: str) -> None:
    vms, true_vms = recorded.vms(scene), recorded.truths[scene]
    assert [vm.vm_fd for vm in vms] == [true.fd for true in true_vms]
    for vm, true in zip(vms, true_vms, strict=True):
        if recorded.sees(Capability.MEMSLOTS):
            check_vm(recorded.reader, vm.id, true, recorded.start_ns)
            assert vm.unknown_pages == 0
        else:
            for event, _ in check_calls(recorded.reader, vm.id, true, recorded.start_ns):
                assert event["range_certainty"] == Certainty.UNKNOWN


@pytest.mark.parametrize("scene", [*SCENES, *KILLED])
def test_only_applied_calls_change_pages(recorded: Recorded, scene: str) -> None:
    for vm, true in zip(recorded.vms(scene), recorded.truths[scene], strict=True):
        if recorded.sees(Capability.MEMSLOTS):
            check_pages(recorded.reader, vm, true)
        else:
            assert (vm.private_pages, vm.effective_pages) == (0, 0)


@pytest.mark.parametrize("scene", ["descriptors", "exec"])
def test_vms_end_when_their_last_descriptor_is_closed(recorded: Recorded, scene: str) -> None:
    for vm, true in zip(recorded.vms(scene), recorded.truths[scene], strict=True):
        if true.ended_by is None:
            continue
        assert vm.ended_t is not None
        if true.ended_by["op"] == "close":
            assert not vm.ended_is_inferred
            assert_within(vm.ended_t + recorded.start_ns, true.ended_by)
        else:
            assert vm.ended_t + recorded.start_ns >= true.ended_by["t0"]


def test_refused_conversions_in_place_and_registrations_appear(recorded: Recorded) -> None:
    (vm,) = recorded.vms("refused")
    assert (vm.requested, vm.failed) == (2, 2)
    kinds = (EventKind.REGISTER_REGION, EventKind.UNREGISTER_REGION)
    assert [vm.events_by_kind[kind.name.lower()] for kind in kinds] == [1, 1]
    contents = recorded.sees(Capability.MEMSLOTS)
    for capability in (Capability.IN_PLACE_CONVERSIONS, Capability.REGION_REGISTRATIONS):
        assert recorded.sees(capability) == contents


def test_threads_that_ran_a_vcpu_are_known_by_it(recorded: Recorded) -> None:
    (vm,), (true,) = recorded.vms("vcpus"), recorded.truths["vcpus"]
    events, _ = recorded.reader.events(vm.id, limit=len(true.calls))
    assert events["vcpu"].tolist() == [call["vcpu"] for call in true.calls] == [-1, 0, 3]
