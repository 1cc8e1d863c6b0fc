"""VMs that run already when `gmemscope collect` begins: their later calls are theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from app.model.guest import Certainty, EventKind
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import Vm
from tests.capture.hosting import holding_vmm
from tests.live.collecting import need_bpftrace, need_kvm, started


@pytest.fixture(autouse=True)
def _host() -> None:
    need_kvm()
    need_bpftrace()


def go_on(process: Popen[bytes]) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"done\n"


@contextmanager
def collected(folder: Path, scene: str) -> Iterator[tuple[dict[str, Any], Reader, list[Vm]]]:
    """What the VMM holds, and its VMs in the recording that saw it go on."""
    database = folder / "live.db"
    with holding_vmm(folder, scene) as held:
        options = ("--source", "bpftrace", "--pid", str(held["pid"]))
        with started(database, *options) as collecting:
            collecting.await_begin()
            go_on(held["process"])
            assert collecting.end()["state"] == "complete"
        engine = open_database(database, read_only=True)
        reader = Reader(engine)
        yield held, reader, [vm for vm in reader.vms() if vm.pid == held["pid"]]
        engine.dispose()


def test_calls_by_any_number_are_those_of_the_vm_that_was_found(tmp_path: Path) -> None:
    with collected(tmp_path, "one") as (held, reader, (vm,)):
        assert (vm.vm_fd, vm.created_t, vm.created_certainty) == (
            held["vm_fds"][0],
            None,
            Certainty.UNKNOWN,
        )
        (slot,) = reader.memslots(vm.id)
        assert (slot.slot, slot.backing, slot.backing_certainty) == (9, "mixed", Certainty.SEEN)
        kinds = {EventKind[name.upper()]: n for name, n in vm.events_by_kind.items()}
        assert kinds == {EventKind.POPULATION: 3, EventKind.MEMSLOT: 1, EventKind.ALLOCATE: 1}
        assert [memfd.fd for memfd in reader.guest_memfds(vm.id)] == [
            held["mixed_fds"][0],
            held["mappable_fd"],
            held["large_fd"],
        ]


def test_guest_memfd_of_one_of_two_vms_is_that_of_the_one_that_binds_it(tmp_path: Path) -> None:
    with collected(tmp_path, "two") as (held, reader, (first, second)):
        assert [first.vm_fd, second.vm_fd] == held["vm_fds"]
        assert reader.guest_memfds(first.id) == []
        assert [memfd.fd for memfd in reader.guest_memfds(second.id)] == [held["memfd"]]
        assert second.events_by_kind == {"memslot": 1, "allocate": 1}
