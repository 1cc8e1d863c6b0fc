"""A live recording that is gone on with: one story, with a gap of which nothing is known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.guest import KVM_MEM_GUEST_MEMFD, EventKind, PageState
from app.model.stats import EventQuery
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.read import Reader, check
from app.store.write import RecordingWriter, find_past
from collector.capture.agent import Context, collect, header_of
from collector.codes import SAW_GMEM, CallCode
from collector.description import SourceDescription
from collector.records import CallArray
from collector.vm_inventory import FoundMemfd, FoundMemslot, FoundVm, Inventory, VmmFacts
from tests.capture.live_double import START_NS, TID, VM_FD, LiveDouble, call, conversion, created_vm

K4 = 4096
MEMFD = 20
WALL_NS = 1_700_000_000 * 10**9
QEMU = VmmFacts(TID, 55, "qemu", "guest", "11111111-2222-3333-4444-555555555555")
SECOND = 10**9


@dataclass
class Run(LiveDouble):
    """A source that began at `since` after the first one did, in a boot whose clock was `zero` at
    that instant."""

    calls: CallArray
    since: int = 0
    zero: int = START_NS
    wall: int | None = None  # else it goes on

    def __post_init__(self) -> None:
        shift = self.zero - START_NS
        moved = self.calls.copy()
        moved["ts_enter"] += np.uint64(shift % 2**64)
        moved["ts_exit"] += np.uint64(shift % 2**64)
        reached = int(self.calls["ts_exit"].max(initial=START_NS + self.since)) - START_NS + 1
        super().__init__([(moved, reached + shift)])

    def describe(self) -> SourceDescription:
        wall = WALL_NS + self.since if self.wall is None else self.wall
        start_ns = self.zero + self.since
        return replace(super().describe(), clock_start_ns=start_ns, wall_start_ns=wall)


def region(ts: int, slot: int, page: int, npages: int) -> CallArray:
    """Of a guest_memfd; no pages: the slot is deleted."""
    v = (slot | KVM_MEM_GUEST_MEMFD << 32, page * K4, npages * K4, hva_of(page), 0, MEMFD + slot)
    made = call(CallCode.SET_REGION, ts, v=v)
    made["flags"] |= SAW_GMEM
    return made


def hva_of(page: int) -> int:
    return 0x7F00_0000_0000 + page * K4


def memfd(ts: int, slot: int) -> CallArray:
    return call(CallCode.CREATE_GUEST_MEMFD, ts, ret=MEMFD + slot, v=(16 * K4, 0))


def found_slot(slot: int, page: int, npages: int) -> FoundMemslot:
    return FoundMemslot(page, npages, hva_of(page), slot, 0, KVM_MEM_GUEST_MEMFD)


def found(*memslots: FoundMemslot, process: VmmFacts = QEMU, fd: int = VM_FD) -> FoundVm:
    return FoundVm(process, (fd,), {}, memslots=memslots, memslots_are_complete=bool(memslots))


def inventory(run: Run, *vms: FoundVm) -> Inventory:
    return Inventory(run.describe().clock_start_ns + 1, vms)


def inode_of(pid: int, fd: int) -> tuple[int, int]:
    return 7, 1000 + fd


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "story.db")
    yield opened
    opened.dispose()


def record(engine: Engine, run: Run, *vms: FoundVm, boot: str = "b1", goes_on: bool = True) -> int:
    context = Context(
        found=inventory(run, *vms) if vms else None,
        boot_id=boot,
        vmm_of=lambda pid: QEMU,
        inode_of=inode_of,
    )
    past = find_past(engine, header_of(run, context)) if goes_on else None
    if past is not None:
        context = replace(context, past=past.stored)

    def open_sink(header: RecordingHeader) -> RecordingWriter:
        return RecordingWriter(engine, header, is_live=True, past=past)

    return collect(run, open_sink, Event(), context).recording_id


FIRST = Run(
    np.concatenate(
        (
            *(created_vm(100), memfd(150, 0), memfd(160, 1)),
            *(region(200, 0, 0, 16), region(210, 1, 16, 16), conversion(300, 3)),
        )
    )
)
"""Up to 300: page 3 is private, all others are shared."""
LAST = 300


def states(engine: Engine, t: int, vm_id: int = 1) -> dict[str, int]:
    runs = Reader(engine).page_map_at(vm_id, t).runs()
    return {
        state.name.lower(): int(runs["npages"][runs["state"] == state].sum())
        for state in PageState
        if (runs["state"] == state).any()
    }


def test_in_the_gap_nothing_is_known_and_after_it_what_is_seen(engine: Engine) -> None:
    first = record(engine, FIRST, goes_on=False)
    run = Run(conversion(1_500, 5), since=1_000)
    assert record(engine, run, found()) == first == 1
    assert states(engine, LAST) == {"private": 1, "shared": 31}
    assert states(engine, LAST + 1) == states(engine, 1_400) == {"unknown": 32}
    assert states(engine, 1_500) == {"private": 1, "unknown": 31}
    (loss,) = Reader(engine).losses(1)
    assert loss == Loss(LAST + 1, 1_000, None, None, "not recording")
    events, _ = Reader(engine).events(1, EventQuery(), limit=100)
    lost = [EventKind.LOSS_BEGIN, EventKind.LOSS_END]
    assert [event for event in events["kind"] if event in lost] == lost
    assert not check(engine).findings


def test_a_vm_that_is_still_there_goes_on_with_its_memory(engine: Engine) -> None:
    record(engine, FIRST, goes_on=False)
    names = FoundMemfd((MEMFD,), 7, 1000 + MEMFD, 16 * K4)
    there = replace(found(), memfds=(names,))
    run = Run(np.concatenate((region(1_400, 0, 0, 0), conversion(1_500, 20))), since=1_000)
    record(engine, run, there)
    (vm,) = Reader(engine).vms()
    assert (vm.name, vm.created_t, vm.ended_t, vm.requested) == ("guest", 100, None, 2)
    gone, kept = Reader(engine).memslots(1)
    assert [(one.slot, one.from_t, one.to_t) for one in (gone, kept)] == [
        (0, 200, 1_400),
        (1, 210, None),
    ]
    assert len(Reader(engine).guest_memfds(1)) == 2
    assert states(engine, 1_500) == {"private": 1, "unknown": 15}


def test_a_memslot_that_is_found_no_more_ends_with_the_gap(engine: Engine) -> None:
    record(engine, FIRST, goes_on=False)
    now = found(found_slot(0, 0, 16), found_slot(1, 16, 8))
    record(engine, Run(conversion(1_500, 3), since=1_000), now)
    slots = [(one.slot, one.npages, one.from_t, one.to_t) for one in Reader(engine).memslots(1)]
    assert slots == [(0, 16, 200, None), (1, 16, 210, 1_000), (1, 8, 1_001, None)]


@pytest.mark.parametrize(
    "other",
    [
        found(process=replace(QEMU, start_ns=56)),
        found(process=replace(QEMU, pid=71)),
        found(fd=VM_FD + 1),
        None,
    ],
    ids=["start", "pid", "fd", "gone"],
)
def test_a_vm_that_is_found_no_more_ended_when_it_was_last_known(
    engine: Engine, other: FoundVm | None
) -> None:
    record(engine, FIRST, goes_on=False)
    others = () if other is None else (other,)
    record(engine, Run(conversion(1_500, 5)[:0], since=1_000), *others)
    first, *new = Reader(engine).vms()
    assert (first.ended_t, first.ended_is_inferred) == (LAST + 1, True)
    assert (first.private_pages, first.unknown_pages) == (1, 0), "as they were last known"
    assert [vm.created_t for vm in new] == [None] * len(others)
    assert states(engine, 1_500) == {}


def test_after_another_boot_the_clock_begins_anew_and_the_time_of_day_goes_on(
    engine: Engine,
) -> None:
    record(engine, FIRST, goes_on=False)
    wall = WALL_NS + 90 * SECOND
    run = Run(conversion(500, 5), zero=30, wall=wall)
    record(engine, run, found(found_slot(0, 0, 16)), boot="b2")
    old, new = Reader(engine).vms()
    assert (old.name, old.guest_uuid) == (new.name, new.guest_uuid) == ("guest", QEMU.uuid)
    assert old.ended_t == LAST + 1
    (loss,) = Reader(engine).losses(1)
    assert (loss.from_t, loss.to_t) == (LAST + 1, 90 * SECOND)
    events, _ = Reader(engine).events(new.id, EventQuery(), limit=9)
    assert events["t"][-1] == 90 * SECOND + 490
    assert states(engine, 90 * SECOND + 500, new.id) == {"private": 1, "unknown": 15}
    with engine.connect() as connection:
        query = "SELECT from_t, clock_start_ns, wall_start_ns, boot_id FROM chapter ORDER BY id"
        chapters = [tuple(row) for row in connection.exec_driver_sql(query)]
    assert chapters == [(0, START_NS, WALL_NS, "b1"), (90 * SECOND, 30, wall, "b2")]


def test_a_time_of_day_before_the_end_is_told(engine: Engine) -> None:
    record(engine, FIRST, goes_on=False)
    record(engine, Run(conversion(500, 5), zero=30, wall=WALL_NS - SECOND), boot="b2")
    (loss,) = Reader(engine).losses(1)
    assert (loss.from_t, loss.to_t) == (LAST + 1, LAST + 2)
    notes = Reader(engine).recording(1).coverage["notes"]
    assert any("a clock was set" in note for note in notes)


def test_what_belongs_to_no_vm_goes_on_under_the_same_one(engine: Engine) -> None:
    stray = conversion(300, 5)
    stray["fd"] = -1
    record(engine, Run(np.concatenate((created_vm(100), stray))), goes_on=False)
    later = stray.copy()
    later["ts_enter"] += 1_000
    later["ts_exit"] += 1_000
    record(engine, Run(later, since=1_000), found())
    vms = Reader(engine).vms(include_unattributed=True)
    assert [vm.is_unattributed for vm in vms].count(True) <= 1


def test_notes_and_counts_of_all_runs_are_kept(engine: Engine) -> None:
    record(engine, FIRST, goes_on=False)
    for start in (1_000, 2_000):
        record(engine, Run(conversion(start + 100, 5), since=start), found())
    reader = Reader(engine)
    assert [loss.from_t for loss in reader.losses(1)] == [LAST + 1, 1_101]
    assert reader.vms()[0].requested == 3
    assert states(engine, 2_050) == {"unknown": 32}
