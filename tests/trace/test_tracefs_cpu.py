"""One CPU's sub-buffers as a live recording reads them: what was lost is told exactly once."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.capture.live import SourceEnded
from collector.capture.tracefs._cpu import Scratch, TracefsCpu
from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.ring_buffer import decode_plan, match_formats, parse_event_format
from tests.trace.tracefile import EXIT_ID, FORMATS, ioctl_exit, page

START = 500
LOSSES = (RecordCode.LOSS_BEGIN, RecordCode.LOSS_END)


def stats(folder: Path, *, overrun: int = 0, commit_overrun: int = 0, dropped: int = 0) -> None:
    (folder / "stats").write_text(
        f"entries: 1\noverrun: {overrun}\ncommit overrun: {commit_overrun}\nbytes: 10\n"
        f"oldest event ts:     0.000000\nnow ts:  9.0\ndropped events: {dropped}\nread events: 3\n"
    )


def cpu_of(folder: Path, *pages: bytes) -> TracefsCpu:
    """Its pipe yields these, one a read."""
    (folder / "trace_pipe_raw").write_bytes(b"".join(pages))
    formats = [parse_event_format("syscalls", text) for text in FORMATS["syscalls"]]
    plan = decode_plan(match_formats(formats).plans)
    return TracefsCpu(folder, 3, plan, Scratch(4096), START)


def full(ts: int, ret: int, *, missed: bool = False, missed_count: int | None = None) -> bytes:
    return page(ts, *[ioctl_exit(ret, 1)] * 145, missed=missed, missed_count=missed_count)


def losses(records: RecordArray) -> list[tuple[RecordCode, int, int]]:
    """(code, time, count) of each."""
    found = records[[int(code) in LOSSES for code in records["code"]]]
    return [
        (RecordCode(int(row["code"])), int(row["ts"]), int(row["v"][0]))
        for row in found
        if row["cpu"] == 3
    ]


def gap(begin: int, end: int, count: int) -> list[tuple[RecordCode, int, int]]:
    return [(RecordCode.LOSS_BEGIN, begin, count), (RecordCode.LOSS_END, end, count)]


def test_ends_at_a_sub_buffer_that_is_being_filled(tmp_path: Path) -> None:
    stats(tmp_path)
    cpu = cpu_of(
        tmp_path, page(1000, ioctl_exit(1)), full(2000, 2), page(3000, ioctl_exit(3)), full(9000, 4)
    )
    read = cpu.read()
    assert (read.pages, read.is_drained, len(read.records)) == (3, True, 147)
    assert (cpu.reached, cpu.bytes_read) == (3000, 3 * 4096)
    assert len(cpu.read().records) == 145
    read = cpu.read()
    assert (read.pages, read.is_drained, len(read.records)) == (0, True, 0)
    cpu.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENODEV])
def test_cpu_that_has_never_been_online_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "readv", refusing(number))
    cpu = cpu_of(tmp_path)
    read = cpu.read()
    assert (len(read.records), read.is_drained) == (0, True)
    cpu.close()


def test_buffer_that_cannot_be_read_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "readv", refusing(errno.EIO))
    cpu = cpu_of(tmp_path)
    with pytest.raises(SourceEnded, match="not to be read: Input/output error"):
        cpu.read()
    cpu.close()


def refusing(number: int) -> Callable[..., int]:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


def test_gap_without_a_number_is_counted_by_the_stats(tmp_path: Path) -> None:
    stats(tmp_path, overrun=40)
    cpu = cpu_of(tmp_path, page(1000, ioctl_exit(1), missed=True))
    assert losses(cpu.read().records) == gap(START, 1000, 40)
    cpu.close()


def test_events_lost_while_the_stats_are_read_are_told_once(tmp_path: Path) -> None:
    """The first page knows of 30 of the 40; the second one's 15 are 10 of those and 5 more."""
    cpu = cpu_of(tmp_path, full(1000, 1, missed=True), full(2000, 1, missed=True, missed_count=15))
    stats(tmp_path, overrun=40)
    assert losses(cpu.read().records) == gap(START, 1001, 40)
    stats(tmp_path, overrun=45)
    assert losses(cpu.read().records) == gap(1145, 2001, 5)
    assert len(cpu.unflagged_losses(2100, 3000, is_last=True)) == 0
    cpu.close()


def test_gap_with_a_number_leaves_later_ones_to_later_pages(tmp_path: Path) -> None:
    cpu = cpu_of(tmp_path, full(1000, 1, missed=True, missed_count=30))
    stats(tmp_path, overrun=40)
    assert losses(cpu.read().records) == gap(START, 1001, 30)
    assert losses(cpu.unflagged_losses(2000, 3000, is_last=False)) == []
    assert losses(cpu.unflagged_losses(2000, 3000, is_last=True)) == gap(2000, 3000, 10)
    assert losses(cpu.unflagged_losses(2000, 3000, is_last=True)) == []
    cpu.close()


def test_losses_without_a_flag_lie_between_two_looks(tmp_path: Path) -> None:
    stats(tmp_path)
    cpu = cpu_of(tmp_path)
    stats(tmp_path, commit_overrun=2, dropped=5)
    assert losses(cpu.unflagged_losses(1000, 2000, is_last=False)) == gap(1000, 2000, 7)
    assert losses(cpu.unflagged_losses(2000, 3000, is_last=False)) == []
    cpu.close()


def test_events_are_counted_by_id(tmp_path: Path) -> None:
    stats(tmp_path)
    cpu = cpu_of(tmp_path, full(1000, 1))
    cpu.read()
    assert cpu._scratch.counts[EXIT_ID] == 145
    cpu.close()
