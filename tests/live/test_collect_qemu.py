"""A stock QEMU beside `gmemscope collect`: it appears with its name and its memslots."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.model.guest import EventKind, Memslot
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import Vm
from collector.capture.inventory._qmp import QmpError, ask_qemu
from tests.live.collecting import need_bpftrace, need_kvm, need_tracefs, started, wait_until

QEMU = "qemu-system-x86_64"
NAME, UUID = "proof", "5f3c0d9e-2b6a-4b58-9c55-0d9a6f2b7e11"

DEBUG_PORT = 0x402
MOST_EVENTS = 1000

Place = tuple[int, int]


@pytest.fixture(autouse=True)
def host() -> None:
    need_kvm()
    need_tracefs()
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed")


@contextmanager
def qemu(monitor: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Made, and with -S stopped before its first instruction."""
    command = [QEMU, "-accel", "kvm", "-name", f"guest={NAME}", "-uuid", UUID, *options]
    command += ["-display", "none", "-nodefaults", "-m", "64"]
    command += ["-qmp", f"unix:{monitor},server=on,wait=off"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_made(monitor))
            yield process
        finally:
            process.kill()


def is_made(monitor: Path) -> bool:
    try:
        ask_qemu(monitor)
    except QmpError:
        return False
    return True


@contextmanager
def recorded(database: Path, pid: int) -> Iterator[tuple[Reader, Vm | None]]:
    engine = open_database(database, read_only=True)
    reader = Reader(engine)
    yield reader, next((vm for vm in reader.vms() if vm.pid == pid), None)
    engine.dispose()


def places(slots: list[Memslot]) -> set[Place]:
    """Where memslots are at the end."""
    return {(slot.base_gfn, slot.npages) for slot in slots if slot.to_t is None}


def await_memslots(database: Path, pid: int, expected: set[Place]) -> None:
    def are_there() -> bool:
        with recorded(database, pid) as (reader, vm):
            return vm is not None and places(reader.memslots(vm.id)) == expected

    wait_until(are_there)


def told_by_qemu(monitor: Path) -> set[Place]:
    return {(slot.base_gfn, slot.npages) for slot in ask_qemu(monitor).memslots}


def test_one_that_runs_already_has_its_name_and_the_memslots_it_tells(tmp_path: Path) -> None:
    monitor, database = tmp_path / "qmp", tmp_path / "live.db"
    with qemu(monitor, "-S") as process:
        expected = told_by_qemu(monitor)
        options = ("--source", "tracefs", "--qmp", str(monitor), "--pid", str(process.pid))
        with started(database, *options) as collecting:
            collecting.await_begin()
            summary = collecting.end()
    assert summary["state"] == "complete"
    with recorded(database, process.pid) as (reader, vm):
        assert vm is not None
        assert (vm.name, vm.guest_uuid, vm.created_t) == (NAME, UUID, None)
        assert places(reader.memslots(vm.id)) == expected


def test_one_that_starts_meanwhile_has_its_name_and_the_memslots_it_makes(tmp_path: Path) -> None:
    need_bpftrace()
    monitor, database = tmp_path / "qmp", tmp_path / "live.db"
    with started(database, "--source", "bpftrace") as collecting:
        collecting.await_begin()
        with qemu(monitor, "-S") as process:
            expected = told_by_qemu(monitor)
            await_memslots(database, process.pid, expected)
            assert collecting.end()["state"] == "complete"
    with recorded(database, process.pid) as (_, vm):
        assert vm is not None
        assert (vm.name, vm.guest_uuid) == (NAME, UUID)
        assert vm.created_t is not None


def printed(database: Path, pid: int) -> str:
    """What the guest's firmware wrote to the debug port."""
    with recorded(database, pid) as (reader, vm):
        if vm is None:
            return ""
        events, _ = reader.events(vm.id, limit=MOST_EVENTS)
    marks = (int(aux) for aux in events["aux"][events["kind"] == EventKind.PHASE_MARK])
    return "".join(chr(mark & 0xFF) for mark in marks if mark >> 32 & 0xFFFF == DEBUG_PORT)


@pytest.mark.parametrize("source", ["tracefs", "bpftrace"])
def test_what_firmware_prints_is_recorded_as_phase_marks(tmp_path: Path, source: str) -> None:
    need_bpftrace()
    database = tmp_path / "live.db"
    with started(database, "--source", source) as collecting:
        collecting.await_begin()
        with qemu(tmp_path / "qmp") as process:
            wait_until(lambda: "SeaBIOS" in printed(database, process.pid))
            assert collecting.end()["state"] == "complete"
    assert printed(database, process.pid).startswith("SeaBIOS (version ")
