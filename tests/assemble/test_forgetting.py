"""VMs that ended take no memory: the database has them, and names stay apart."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.pagemap import PageMap
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter
from app.store.write._vm_writer import VmWriter
from app.store.write._writer import MOST_FORGOTTEN_VMS
from collector.assemble import Assembler
from collector.assemble.identity import LiveVm
from collector.assemble.identity._names import RENAMED_YET
from collector.assemble.memslots import GuestMemfdFile
from collector.codes import CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CallArray
from collector.vm_inventory import VmmFacts
from tests.assemble.live_calls import call, create_vm
from tests.assemble.memory_sink import MemorySink

FD, VCPU_FD, MEMFD = 9, 10, 12
STEP_NS = 1_000
BYTES_PER_VM = 4_000
"""What tells one VM's name from others' may stay. Its buffers alone had hundreds of KiB."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "many.db")
    yield opened
    opened.dispose()


def short_vm(pid: int, ts: int) -> CallArray:
    """A process that makes a VM with memory, converts some of it, and ends."""
    calls = [
        call(0, CallCode.NEW_TASK, -1, pid, 0, tid=1, pid=1),
        create_vm(0, FD, pid),
        call(0, CallCode.CREATE_GUEST_MEMFD, FD, 1 << 21, ret=MEMFD, tid=pid, pid=pid),
        call(0, CallCode.SET_REGION, FD, 0, 0, 1 << 21, 0x7F00_0000_0000, tid=pid, pid=pid),
        call(0, CallCode.CREATE_VCPU, FD, 0, ret=VCPU_FD, tid=pid, pid=pid),
        call(0, CallCode.VCPU_RUN, VCPU_FD, tid=pid, pid=pid),
        call(0, CallCode.SET_ATTRIBUTES, FD, 0, 0x2000, 8, tid=pid, pid=pid),
        call(0, CallCode.SET_ATTRIBUTES, FD, 0x1000, 0x1000, 0, tid=pid, pid=pid),
        call(0, CallCode.PROCESS_EXIT, -1, pid, 1, tid=pid, pid=pid),
    ]
    row = np.concatenate(calls)
    row["ts_enter"] = row["ts_exit"] = ts + np.arange(len(row)) * STEP_NS // len(row)
    return row


def assembler_of(sink: RecordingWriter | MemorySink) -> Assembler:
    sees = {Capability.VM_CREATION.value: True}
    source = SourceDescription("tracefs", "boot", 0, "host", None, sees)
    return Assembler(sink, source, lambda pid: VmmFacts(pid, pid, "selftest"))


def followed() -> int:
    kinds = {LiveVm, VmWriter, PageMap, GuestMemfdFile}
    return sum(type(one) in kinds for one in gc.get_objects())


def run(assembler: Assembler, first: int, count: int, batch: int) -> None:
    for start in range(first, first + count, batch):
        vms = [short_vm(100 + n, n * STEP_NS) for n in range(start, start + batch)]
        assembler.add(np.concatenate(vms))


@pytest.mark.parametrize("is_live", [True, False])
def test_vms_that_ended_are_forgotten_and_stored(engine: Engine, is_live: bool) -> None:
    count = 3 * MOST_FORGOTTEN_VMS
    gc.collect()
    others = followed()
    with RecordingWriter(
        engine, RecordingHeader("many", "tracefs", "host", "boot", 0), is_live=is_live
    ) as writer:
        assembler = assembler_of(writer)
        run(assembler, 0, count, 4)
        gc.collect()
        # A VM has four such objects.
        assert followed() - others <= 4 * MOST_FORGOTTEN_VMS
        assembler.finish()
    vms = Reader(engine).vms(1)
    assert len(vms) == count
    assert {vm.events for vm in vms} == {4}
    assert {vm.effective_pages for vm in vms} == {3}
    assert all(vm.ended_t is not None for vm in vms)
    assert len({vm.name for vm in vms}) == count
    page_map = Reader(engine).page_map_at(vms[0].id, int(vms[0].ended_t or 0) - 1)
    assert page_map.totals().private == 1


def test_memory_does_not_grow_with_vms_that_ended(engine: Engine) -> None:
    before, count = 2 * MOST_FORGOTTEN_VMS, 2 * MOST_FORGOTTEN_VMS
    with RecordingWriter(engine, RecordingHeader("many", "tracefs", "host", "boot", 0)) as writer:
        assembler = assembler_of(writer)
        run(assembler, 0, before, MOST_FORGOTTEN_VMS)
        tracemalloc.start()
        try:
            run(assembler, before, count, MOST_FORGOTTEN_VMS)
            gc.collect()
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert grown / count < BYTES_PER_VM


def test_the_name_of_a_vm_is_never_given_again() -> None:
    """Of one process and one descriptor, and of several processes, some of them long gone."""
    sink = MemorySink()
    assembler = assembler_of(sink)
    count = 2 * RENAMED_YET
    for n in range(count):
        vm = (create_vm(2 * n), call(2 * n + 1, CallCode.CLOSE, FD))
        assembler.add(np.concatenate(vm))
    run(assembler, count, count, 1)
    names = [vm.identity.name for vm in sink.vms]
    assert len(set(names)) == len(names) == 2 * count
    assert names[:2] == ["selftest vm fd 9", "selftest vm fd 9 #2"], "no other process was known"
    assert names[-1] == f"selftest (pid {100 + 2 * count - 1})"


def test_a_vm_that_ended_lately_is_renamed_yet() -> None:
    sink = MemorySink()
    run(assembler_of(sink), 0, 2, 1)
    assert [vm.identity.name for vm in sink.vms] == ["selftest (pid 100)", "selftest (pid 101)"]


def test_a_vm_is_renamed_after_the_store_let_go_of_it(engine: Engine) -> None:
    with RecordingWriter(engine, RecordingHeader("two", "tracefs", "host", "boot", 0)) as writer:
        assembler = assembler_of(writer)
        run(assembler, 0, 1, 1)
        writer._commit()
        assert not writer._vms
        run(assembler, 1, 1, 1)
        assembler.finish()
    names = [vm.name for vm in Reader(engine).vms(1)]
    assert names == ["selftest (pid 100)", "selftest (pid 101)"]
