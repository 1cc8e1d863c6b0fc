"""The page cache of guest_memfds: pages that really exist."""

import numpy as np

from app.model.guest import Certainty, EventKind
from collector.codes import CallCode
from collector.records import CallArray
from tests.assemble.live_calls import (
    MEMFD,
    PID,
    Live,
    call,
    create_memfd,
    create_vm,
    ranges,
    region,
)

MIB, INO, DEVICE, ST_DEV = 1 << 20, 777, 0x12, 0x12
SLOT = region(3, 0, 16 * MIB, MIB, memfd=MEMFD, offset=MIB)


def page(
    ts: int, index: int, *, tid: int = PID, ino: int = INO, order: int = 0, gone: bool = False
) -> CallArray:
    code = CallCode.PAGE_CACHE_DELETE if gone else CallCode.PAGE_CACHE_ADD
    return call(ts, code, -1, ino, index, DEVICE, order, tid=tid)


def live() -> Live:
    asked = []

    def inode_of(pid: int, fd: int) -> tuple[int, int]:
        asked.append((pid, fd))
        assert asked == [(PID, MEMFD)]
        return ST_DEV, INO

    return Live(inode_of=inode_of).tell(create_vm(1), create_memfd(2, 4 * MIB), SLOT)


def test_pages_that_follow_each_other_are_one_row_at_their_gfns() -> None:
    run = live().tell(*(page(10 + i, 256 + i) for i in range(5)), page(20, 300))
    events = run.of_kind(EventKind.POPULATE)
    assert ranges(events) == [(10, 0x1000, 5), (20, 0x1000 + 44, 1)]
    assert events["aux"].tolist() == [MIB, 300 << 12]
    assert events["range_certainty"].tolist() == [Certainty.SEEN] * 2


def test_pages_that_go_are_told_apart_from_those_that_come() -> None:
    run = live().tell(page(10, 256), page(11, 257, gone=True), page(12, 258))
    assert ranges(run.of_kind(EventKind.POPULATE)) == [(10, 0x1000, 1), (12, 0x1002, 1)]
    assert ranges(run.of_kind(EventKind.DEPOPULATE)) == [(11, 0x1001, 1)]


def test_large_folios_count_all_their_pages() -> None:
    run = live().tell(page(10, 256, order=4), page(11, 272, order=4))
    assert ranges(run.of_kind(EventKind.POPULATE)) == [(10, 0x1000, 32)]


def test_threads_that_take_turns_have_runs_of_their_own() -> None:
    pages = [page(10 + i, (256 if i % 2 else 400) + i // 2, tid=PID + i % 2) for i in range(8)]
    run = live().tell(*pages)
    assert ranges(run.of_kind(EventKind.POPULATE)) == [(10, 0x1000 + 144, 4), (11, 0x1000, 4)]


def test_run_that_lasts_is_not_all_shown_at_its_beginning() -> None:
    run = live().tell(*(page(10 + i * 4_000_000, 256 + i) for i in range(6)))
    assert [npages for _, _, npages in ranges(run.of_kind(EventKind.POPULATE))] == [3, 2, 1]


def test_files_that_are_no_known_guest_memfds_are_dropped_and_counted() -> None:
    run = live().tell(page(10, 256, ino=5), page(11, 0, ino=6, order=3))
    assert len(run.of_kind(EventKind.POPULATE)) == 0
    assert run.assembler.strange_pages == 9


def test_pages_that_no_memslot_shows_have_no_gfn() -> None:
    run = Live(inode_of=lambda _pid, _fd: (ST_DEV, INO))
    run.tell(create_vm(1), create_memfd(2, 4 * MIB), page(10, 7))
    (event,) = run.of_kind(EventKind.POPULATE)
    assert (event["range_certainty"], event["aux"]) == (Certainty.UNKNOWN, 7 << 12)


def test_guest_memfd_is_kept_with_its_inode() -> None:
    (memfd,) = live().vm.guest_memfds
    assert (memfd.dev, memfd.ino) == (ST_DEV, INO)


def test_flood_of_pages_takes_few_rows() -> None:
    order = np.arange(4000)
    run = live().tell(*(page(10 + int(i), 256 + int(i) % 256) for i in order))
    events = run.of_kind(EventKind.POPULATE)
    assert int(events["npages"].sum()) == 4000
    assert len(events) == 16
