"""What is done to a guest_memfd after its VM ended, and what belongs to nothing that is known."""

from pathlib import Path

import numpy as np
import pytest

from app.model.guest import EventKind
from app.store.database import open_database
from app.store.protocol import RecordingHeader, RecordingSink
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.assemble import Assembler
from collector.codes import CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from tests.assemble.live_calls import (
    HVA,
    MEMFD,
    PID,
    VM_FD,
    Live,
    call,
    create_memfd,
    create_vm,
    region,
)

SIZE, PUNCH = 1 << 16, 3
LIFE = (
    create_vm(100),
    create_memfd(200, SIZE),
    region(300, 1, 0, SIZE, memfd=MEMFD),
    call(400, CallCode.FALLOCATE, MEMFD, 0, 0, 4096),
    call(500, CallCode.CLOSE, VM_FD),
)
AFTER = (
    call(600, CallCode.FALLOCATE, MEMFD, PUNCH, 0, 4096),
    call(700, CallCode.FALLOCATE, MEMFD, 0, 0, 8192),
)
CLOSED = call(800, CallCode.CLOSE, MEMFD)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_guest_memfd_that_outlives_its_vm_is_still_its(is_one_batch: bool) -> None:
    run = Live()
    for part in [(*LIFE, *AFTER)] if is_one_batch else [LIFE, AFTER[:1], AFTER[1:]]:
        run.tell(*part)
    kinds = (EventKind.ALLOCATE, EventKind.PUNCH_HOLE)
    assert run.of_kind(*kinds)["t"].tolist() == [400, 600, 700]
    assert run.of_kind(*kinds)["range_certainty"].tolist()[1:] == [0, 0]
    assert run.vm.ended == (500, False)
    assert run.assembler.notes == ()


def test_once_it_is_closed_too_the_vm_is_forgotten() -> None:
    run = Live()
    forgotten: list[int] = []
    run.sink.forget_vm = forgotten.append  # type: ignore[method-assign, assignment]
    run.tell(*LIFE).tell(*AFTER)
    assert forgotten == []
    run.tell(CLOSED).tell(call(900, CallCode.CLOSE, 99))
    assert forgotten == [0]


def test_the_store_takes_it(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "x.db")
    header = RecordingHeader("x", "tracefs", "host", "boot", 0)
    with RecordingWriter(engine, header) as writer:
        sink: RecordingSink = writer
        sees = {Capability.VM_CREATION.value: True}
        assembler = Assembler(sink, SourceDescription("tracefs", "boot", 0, "host", None, sees))
        for part in (LIFE, AFTER, (CLOSED,)):
            assembler.add(np.concatenate(part))
        assembler.finish()
    reader = Reader(engine)
    (vm,) = reader.vms()
    assert vm.ended_t == 500
    assert vm.events_by_kind["allocate"] + vm.events_by_kind["punch_hole"] == 3
    assert (vm.private_pages, vm.shared_pages, vm.unknown_pages) == (0, 16, 0)
    engine.dispose()


def test_what_is_left_out_is_counted() -> None:
    run = Live().tell(
        *LIFE,
        call(520, CallCode.FALLOCATE, 77, 0, 0, 4096),
        call(530, CallCode.FALLOCATE, 78, 0, 0, 4096),
        call(540, CallCode.UNMAP, -1, HVA, HVA + 4096, tid=PID),
        call(550, CallCode.PAGE_CACHE_ADD, -1, 9, 0, 1, 0),
    )
    notes = " ".join(run.assembler.notes)
    assert "2 calls of fallocate" in notes
    assert "1 unmapped ranges" in notes
    assert "pages of the page cache" in notes
