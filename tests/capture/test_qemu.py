"""A stock QEMU that was running already: its name, its uuid, and its memslots over QMP."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.capture.inventory import scan
from collector.capture.inventory._qmp import QmpError, ask_qemu
from collector.vm_inventory import FoundVm, Inventory
from tests.live.collecting import need_kvm

QEMU = "qemu-system-x86_64"
UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
PATIENCE_S = 60


@contextmanager
def qemu(monitor: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Stopped before its first instruction."""
    need_kvm()
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed")
    command = [QEMU, "-accel", "kvm", "-name", "guest=web,debug-threads=on", "-uuid", UUID]
    command += ["-nodefaults", "-machine", "pc,smm=off", "-m", "64", "-smp", "2", "-S"]
    command += ["-display", "none", "-qmp", f"unix:{monitor},server=on,wait=off"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(monitor)
            yield process
        finally:
            process.kill()


def wait_for(monitor: Path) -> None:
    """It answers when the machine is made."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            ask_qemu(monitor)
        except QmpError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("QEMU opened no monitor")


def look(process: subprocess.Popen[bytes], *monitors: Path) -> tuple[FoundVm, Inventory]:
    found = scan([process.pid], time.CLOCK_BOOTTIME, monitors)
    (vm,) = found.vms
    return vm, found


def test_name_and_uuid_need_no_monitor(tmp_path: Path) -> None:
    with qemu(tmp_path / "qmp") as process:
        vm, found = look(process)
        assert (vm.process.name, vm.process.uuid) == ("web", UUID)
        assert (vm.memslots, found.notes) == ((), ())


def test_threads_are_known_by_the_names_that_qemu_gives_them(tmp_path: Path) -> None:
    with qemu(tmp_path / "qmp") as process:
        vm, _ = look(process)
        assert vm.threads is not None
        assert sorted(vm.threads.values()) == sorted(vm.vcpus.values()) == [0, 1]


def test_memslots_are_asked_for_over_qmp(tmp_path: Path) -> None:
    monitor = tmp_path / "qmp"
    with qemu(monitor) as process:
        vm, found = look(process, monitor)
        ram = [(slot.base_gfn, slot.npages) for slot in vm.memslots]
        assert sum(npages for first, npages in ram if first < 0x4000) == 0x4000  # -m 64
        assert {slot.slot for slot in vm.memslots} == {None}
        assert not vm.memslots_are_complete
        assert found.notes == ()


def test_monitor_that_another_client_has_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = tmp_path / "qmp"
    with qemu(monitor) as process, socket.socket(socket.AF_UNIX) as client:
        monkeypatch.setattr("collector.capture.inventory._qmp.MOST_SECONDS", 0.5)
        client.connect(str(monitor))
        client.recv(1)
        vm, found = look(process, monitor)
        assert vm.memslots == ()
        (note,) = found.notes
        assert "one client at a time" in note


def test_monitor_of_a_vm_that_was_not_asked_for_is_a_note(tmp_path: Path) -> None:
    monitor = tmp_path / "qmp"
    with qemu(monitor):
        found = scan([1], time.CLOCK_BOOTTIME, [monitor])
        assert "none of the VMs that were found is its" in found.notes[-1]


def test_monitor_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(QmpError, match="No such file"):
        ask_qemu(tmp_path / "qmp")


def test_listener_that_is_no_qemu_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.capture.inventory._qmp.MOST_SECONDS", 0.5)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "qmp"))
        listener.listen()
        with pytest.raises(QmpError):
            ask_qemu(tmp_path / "qmp")
