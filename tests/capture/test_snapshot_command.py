"""`gmemscope snapshot`: a recording of one instant."""

import builtins
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.store.database import open_database
from app.store.read import Reader
from collector.capture.agent import _snapshot as snapshots
from collector.capture.kernel_memory import KernelUnreadableError
from tests.capture import fake_kernel
from tests.capture.elf_files import vmcore
from tests.capture.hosting import holding_vmm
from tests.capture.test_kernel_vms import RECORDED, kernel_of
from tests.capture.test_qemu import UUID, qemu
from tests.live.collecting import need_kvm

Snap = Callable[..., dict[str, Any]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.db"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database: Path) -> Callable[..., int]:
    def run_it(*arguments: object) -> int:
        words = ["snapshot", *map(str, arguments), "--database", str(database)]
        monkeypatch.setattr(sys, "argv", ["gmemscope", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run_it


@pytest.fixture
def snap(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Snap:
    def snap_it(*arguments: object) -> dict[str, Any]:
        assert run(*arguments, "--json") == 0
        summary: dict[str, Any] = json.loads(capsys.readouterr().out)
        return summary

    return snap_it


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*unused: object, **unused_too: object) -> None:
        raise KernelUnreadableError("this kernel has no /proc/kcore")

    monkeypatch.setattr(snapshots, "open_kernel", cannot)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of the recorded VMs."""
    fake_kernel.installed(monkeypatch)
    of_others = kernel_of(RECORDED)
    monkeypatch.setattr(snapshots, "open_kernel", lambda *unused, **unused_too: of_others)


@pytest.mark.usefixtures("no_kernel")
def test_without_the_kernel_there_are_the_vms_and_their_guest_memfds(
    snap: Snap, database: Path, tmp_path: Path
) -> None:
    need_kvm()
    with holding_vmm(tmp_path, "one") as held:
        summary = snap("--pid", held["pid"])
    (vm,) = summary["vms"]
    assert (vm["pid"], vm["vm_fd"], vm["guest_memfds"]) == (held["pid"], held["vm_fds"][0], 3)
    assert (vm["private"], vm["shared"], vm["unknown"]) == (0, 0, 0)
    assert "Which pages are private is not known" in summary["notes"][-1]
    reader = Reader(open_database(str(database)))
    recording = reader.recording(summary["recording"])
    assert (recording.source, recording.state) == ("snapshot", "complete")
    assert recording.last_t >= 1_000_000  # as long as reading took, so that it can be drawn
    assert recording.coverage["notes"][1:] == summary["notes"]
    assert recording.coverage["missing"] == []
    assert "kernel" in recording.coverage["host"]
    assert reader.vm(vm["id"]).events_by_kind == {"population": 3}


@pytest.mark.usefixtures("no_kernel")
def test_memslots_of_a_qemu_are_shared_by_nature(snap: Snap, tmp_path: Path) -> None:
    monitor = tmp_path / "qmp"
    with qemu(monitor) as process:
        summary = snap("--pid", process.pid, "--qmp", monitor)
    (vm,) = summary["vms"]
    assert (vm["name"], vm["uuid"]) == ("web", UUID)
    assert vm["memslots"] > 0
    assert vm["shared"] >= 0x4000
    assert (vm["private"], vm["unknown"]) == (0, 0)


@pytest.mark.usefixtures("kernel")
def test_pages_are_what_the_kernel_holds(snap: Snap, database: Path, tmp_path: Path) -> None:
    core = tmp_path / "vmcore"
    core.write_bytes(vmcore(None))
    summary = snap("--vmcore", core)
    pages = [(vm["pid"], vm["private"], vm["shared"], vm["unknown"]) for vm in summary["vms"]]
    assert pages == [(75, 2048, 512 + 4096 + 1024 + 2048 - 2048, 0), (63, 4099, 2557, 0)]
    assert summary["notes"] == []
    reader = Reader(open_database(str(database)))
    recording = reader.recording(summary["recording"])
    assert (recording.origin, recording.kernel_release) == ("vmcore", "6.12.1")
    assert recording.wall_start_ns == fake_kernel.WALL_NS
    runs = reader.page_map_at(summary["vms"][1]["id"], 0).runs()
    private = [(first, end - first) for first, end, _ in RECORDED[1]["attr_ranges"]]
    in_slots = [one for one in private if one[0] < 0x100800]
    assert [(r["gfn"], r["npages"]) for r in runs if r["state"] == 1] == in_slots


def test_vmcore_without_drgn_is_status_3(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "vmcore").write_bytes(vmcore(None))
    imported = builtins.__import__

    def without_drgn(name: str, *rest: Any) -> Any:  # noqa: ANN401
        if name == "drgn":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_drgn)
    assert run("--vmcore", tmp_path / "vmcore") == 3
    assert "pip install 'gmemscope[drgn]'" in capsys.readouterr().err


def test_vmcore_that_cannot_be_read_is_status_1(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "vmcore").write_bytes(vmcore(None))

    def cannot(*unused: object) -> None:
        raise KernelUnreadableError("not an ELF core file")

    monkeypatch.setattr(snapshots, "open_kernel", cannot)
    assert run("--vmcore", tmp_path / "vmcore") == 1
    assert "vmcore: not an ELF core file; nothing was kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--vmcore", "nowhere"), "there is no file nowhere"),
        (("--vmlinux", "nowhere"), "there is no file nowhere"),
        (("--vmcore", __file__, "--qmp", "x"), "--qmp asks a running QEMU"),
    ],
)
def test_wrong_usage_is_status_2(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err
