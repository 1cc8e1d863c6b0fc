"""The list of processes that a recipe writes beside a recording, and what an import makes of it."""

import lzma
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from collector.capture.inventory import list_beside
from collector.description import SourceDescription
from collector.importing import format_of
from collector.recipes import _processes as processes
from collector.recipes._processes import ENDING
from collector.trace.errors import InputError
from collector.vm_inventory import FoundVm
from tests.assemble.checks import Imports, imported
from tests.assemble.conversion_truth import read_truth
from tests.assemble.known_frames import compare
from tests.capture.hosting import holding_vmm
from tests.live.collecting import need_kvm

RECORDINGS = Path(__file__).parents[1] / "recordings"
BEGAN_NS = 27_035_300_822
"""By the clock of the recording below, whose host has two VMMs with a VM on fd 5."""
FIRST = [
    processes.PROCESSES_FIRST_LINE,
    "at 27200000000 27.20 1700000000 100 rig",
    "thread 255 255 1590 200 convwork",
    "thread 256 256 1590 200 convwork",
    "thread 300 300 2715 200 sleep",
    "fd 255 5 anon_inode:kvm-vm",
    "fd 256 5 anon_inode:kvm-vm",
    "fd 256 7 anon_inode:kvm-vcpu:0",
    "end",
]
LAST = [FIRST[0], "at 140200000000 140.20 1700000113 100 rig", *FIRST[2:4], "end"]


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("late")
    for packed in (RECORDINGS / "late-recipe").glob("*.xz"):
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return folder


def imported_with(late: Path, lines: list[str] | None) -> Imports:
    listing = late / f"recording.dat{ENDING}"
    listing.unlink(missing_ok=True)
    if lines is not None:
        listing.write_text("\n".join([*lines, ""]))
    return imported(late / "recording.dat")


def notes_of(run: Imports) -> str:
    return " ".join(run.sink.coverage["notes"])


@pytest.mark.parametrize("lines", [FIRST, FIRST + LAST, LAST], ids=["begin", "both", "end"])
def test_with_a_list_every_call_is_certain(late: Path, lines: list[str]) -> None:
    run = imported_with(late, lines)
    vms = run.sink.named()
    assert sorted(vm.identity.pid or 0 for vm in vms) == [255, 256]
    assert not any(vm.identity.may_be_several for vm in vms)
    truths = [read_truth(late / f"{name}.truth.jsonl") for name in ("a", "b")]
    with_list, without = compare(run, truths), compare(imported_with(late, None), truths)
    assert with_list.wrong == without.wrong == 0
    assert with_list.known > without.known
    assert "names the processes of 2 threads" in notes_of(run)


def test_vms_of_the_list_are_there_before_their_first_call(late: Path) -> None:
    run = imported_with(late, FIRST)
    for vm in run.sink.named():
        assert vm.identity.process_start_ns == 15_900_000_000


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["something else"], "no list of processes"),
        (FIRST[:1], "names no process"),
        ([*FIRST[:2], "end"], "names no process"),
        ([line.replace(" rig", " other") for line in FIRST], "of the host other"),
        ([line.replace("at 27200000000", "at ") for line in FIRST], "no time of"),
    ],
)
def test_a_list_that_is_of_no_use_is_left_and_told(late: Path, lines: list[str], why: str) -> None:
    run = imported_with(late, lines)
    assert "was not used" in notes_of(run)
    assert why in notes_of(run)
    assert all(vm.identity.may_be_several for vm in run.sink.named())


def test_a_list_that_is_cut_tells_what_it_has(late: Path) -> None:
    run = imported_with(late, [*FIRST[:3], "thread 25"])
    assert "is cut" in notes_of(run)
    assert sorted(vm.identity.pid or 0 for vm in run.sink.named()) == [255, 256]


def test_threads_that_came_later_are_left_to_the_recording(tmp_path: Path) -> None:
    """Their numbers may have been others' before."""
    (tmp_path / f"x{ENDING}").write_text("\n".join(FIRST))
    beside = list_beside(tmp_path / "x", described(None))
    assert beside.thread_groups == {255: 255, 256: 256}


def test_a_list_of_another_boot_is_told_by_the_time_of_day(tmp_path: Path) -> None:
    (tmp_path / f"x{ENDING}").write_text("\n".join(FIRST))
    beside = list_beside(tmp_path / "x", described(1_600_000_000 * 10**9))
    assert beside.thread_groups == {}
    assert "another boot" in beside.notes[0]


def test_garbage_raises_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    content = "\n".join(FIRST).encode()
    for _ in range(300):
        damaged = np.frombuffer(content, np.uint8).copy()
        at = random.integers(0, len(damaged), 6)
        damaged[at] = random.integers(0, 256, 6)
        (tmp_path / f"x{ENDING}").write_bytes(damaged.tobytes())
        list_beside(tmp_path / "x", described(None))


def test_a_list_alone_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / f"x{ENDING}"
    path.write_text("\n".join(FIRST))
    with pytest.raises(InputError, match="read with the recording"):
        format_of(path)


def described(wall_start_ns: int | None) -> SourceDescription:
    return SourceDescription(
        "trace.dat", "mono", BEGAN_NS, "rig", None, {}, wall_start_ns=wall_start_ns
    )


def test_what_the_script_lists_of_this_host_is_found(tmp_path: Path) -> None:
    need_kvm()
    script = tmp_path / "list.sh"
    script.write_text(processes.SCRIPT)
    with holding_vmm(tmp_path, "one") as held:
        time.sleep(0.05)
        done = subprocess.run(["sh", str(script)], capture_output=True, timeout=60, check=True)
        (tmp_path / f"x{ENDING}").write_bytes(done.stdout)
        host = done.stdout.split(b"\n")[1].split()[-1].decode()
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        beside = list_beside(
            tmp_path / "x", SourceDescription("trace.dat", "mono", now, host, None, {})
        )
        assert beside.thread_groups[held["pid"]] == held["pid"]
        found: tuple[FoundVm, ...] = () if beside.found is None else beside.found.vms
        ours = [vm for vm in found if vm.process.pid in (held["pid"], held["child"])]
        assert [vm.process.pid for vm in ours] in ([held["pid"]], [])
        if ours:
            assert ours[0].fds[0] in held["vm_fds"]
            assert ours[0].vcpus == {held["vcpus"]["fd"]: held["vcpus"]["id"]}
