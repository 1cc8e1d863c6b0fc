"""What a sub-buffer may hold, read back from pages made by hand."""

import struct
from pathlib import Path
from typing import Any

import pytest

from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.tracedat import open_trace_dat
from collector.trace.tracedat._tracedat import TraceDat
from tests.trace.tracefile import (
    COMMON,
    FORMATS,
    OTHER_ID,
    TraceFile,
    discarded,
    event,
    event_format,
    exit_data,
    ioctl_exit,
    large_event,
    page,
    time_extend,
    time_stamp,
    word,
)


def decode(
    folder: Path,
    *pages: bytes,
    **more: Any,  # noqa: ANN401 -- of TraceFile
) -> tuple[list[tuple[int, int]], TraceDat]:
    """Write the pages as CPU 0 of a file; returns (ts, v[0]) of its rows and the trace."""
    rows, trace = decode_rows(folder, *pages, **more)
    return [(int(row["ts"]), int(row["v"].view("<i8")[0])) for row in rows], trace


def decode_rows(
    folder: Path,
    *pages: bytes,
    **more: Any,  # noqa: ANN401 -- of TraceFile
) -> tuple[list[RecordArray], TraceDat]:
    path = folder / "made.dat"
    path.write_bytes(TraceFile({0: pages}, **more).version7())
    with open_trace_dat(path) as trace:
        rows = [row for batch in trace.records() for row in batch]
    return rows, trace


def test_deltas_add_up_from_the_page_time(tmp_path: Path) -> None:
    rows, _ = decode(
        tmp_path, page(1000, ioctl_exit(1), ioctl_exit(2, 5), ioctl_exit(3, 2**27 - 1))
    )
    assert rows == [(1000, 1), (1005, 2), (1005 + 2**27 - 1, 3)]


def test_time_extend_adds_to_the_following_event(tmp_path: Path) -> None:
    rows, _ = decode(
        tmp_path, page(7, ioctl_exit(1), time_extend(2**40 + 3), ioctl_exit(2, 4), ioctl_exit(3, 1))
    )
    assert rows == [(7, 1), (7 + 2**40 + 7, 2), (7 + 2**40 + 8, 3)]


def test_absolute_stamp_keeps_the_top_bits_of_the_running_time(tmp_path: Path) -> None:
    start = (5 << 59) | 1000
    rows, trace = decode(
        tmp_path, page(start, ioctl_exit(1), time_stamp(0x1234567), ioctl_exit(2), ioctl_exit(3, 9))
    )
    assert rows == [(start, 1), ((5 << 59) | 0x1234567, 2), ((5 << 59) | 0x1234570, 3)]
    assert trace.problems == ()


def test_absolute_stamp_that_overflowed_59_bits_goes_on(tmp_path: Path) -> None:
    start = (5 << 59) | (2**59 - 10)
    rows, _ = decode(tmp_path, page(start, ioctl_exit(1), time_stamp(4), ioctl_exit(2)))
    assert rows == [(start, 1), ((6 << 59) | 4, 2)]


def test_large_event_has_its_length_in_its_own_word(tmp_path: Path) -> None:
    big = exit_data(77) + bytes(350)
    rows, _ = decode(tmp_path, page(10, large_event(big), ioctl_exit(2, 1)))
    assert rows == [(10, 77), (11, 2)]


def test_padding_without_a_delta_ends_the_page(tmp_path: Path) -> None:
    rows, trace = decode(
        tmp_path, page(10, ioctl_exit(1), word(29), b"\xff" * 64), page(20, ioctl_exit(2))
    )
    assert rows == [(10, 1), (20, 2)]
    assert trace.problems == ()


@pytest.mark.parametrize(("delta", "counted"), [(1, 0), (6, 6)])
def test_discarded_event_is_skipped_and_its_delta_counts_unless_one(
    tmp_path: Path, delta: int, counted: int
) -> None:
    gone = discarded(exit_data(99), delta)
    rows, trace = decode(tmp_path, page(10, ioctl_exit(1), gone, ioctl_exit(2, 3)))
    assert rows == [(10, 1), (13 + counted, 2)]
    assert trace.counts_by_event() == {"syscalls:sys_exit_ioctl": 2}


def test_what_lies_beyond_the_committed_bytes_is_not_read(tmp_path: Path) -> None:
    rows, _ = decode(tmp_path, page(10, ioctl_exit(1), stale=0x21), page(20, stale=0x21))
    assert rows == [(10, 1)]


def test_sub_buffers_of_64_kib(tmp_path: Path) -> None:
    size = 1 << 16
    many = [ioctl_exit(i, 1) for i in range(2300)]
    rows, trace = decode(
        tmp_path, page(10, *many, size=size), page(9000, *many, size=size), page_size=size
    )
    expected = [(11 + i, i) for i in range(2300)] + [(9001 + i, i) for i in range(2300)]
    assert rows == expected
    assert trace.problems == ()


def test_sub_buffers_larger_than_the_page_size_a_version_6_file_tells(tmp_path: Path) -> None:
    size = 1 << 16
    many = [ioctl_exit(i, 1) for i in range(2300)]
    made = TraceFile({0: [page(10, *many, size=size)] * 1}, page_size=size)
    path = tmp_path / "made.dat"
    path.write_bytes(made.version6(machine_page_size=4096))
    with open_trace_dat(path) as trace:
        assert sum(len(batch) for batch in trace.records()) == 2300
        assert trace.problems == ()


def test_unwanted_events_are_counted_by_name(tmp_path: Path) -> None:
    other = event(struct.pack("<HBBiI", OTHER_ID, 0, 0, 1, 1))
    unknown = event(struct.pack("<HBBi", 500, 0, 0, 1))
    rows, trace = decode(tmp_path, page(10, ioctl_exit(1), other, other, unknown))
    assert rows == [(10, 1)]
    assert trace.counts_by_event() == {
        "kvm:kvm_fpu": 2,
        "syscalls:sys_exit_ioctl": 1,
        "unknown:500": 1,
    }


def test_fields_are_read_where_the_format_says_aligned_or_not(tmp_path: Path) -> None:
    probe = event_format(
        "p",
        3000,
        ("unsigned long __probe_ip", 8, 8, False),
        ("u64 kvm", 16, 8, False),
        ("s16 slot_id", 24, 2, True),
        ("u64 start", 26, 8, False),
        ("u64 end", 34, 8, False),
        ("u64 attr", 42, 8, False),
    )
    content = struct.pack("<HBBiQQhQQQ", 3000, 0, 0, -5, 1, 2**64 - 1, -3, 2**63 + 7, 2**40, 8)
    rows, _ = decode_rows(
        tmp_path, page(10, event(content + bytes(-len(content) % 4))), formats={"any": [probe]}
    )
    (row,) = rows
    assert row["code"] == RecordCode.POST_ATTRIBUTES
    assert (row["tid"], row["cpu"], row["flags"]) == (-5, 0, 0)
    assert row["v"].tolist() == [2**64 - 1, 2**64 - 3, 2**63 + 7, 2**40, 8, 0, 0, 0]


def test_small_fields_are_extended_by_their_sign(tmp_path: Path) -> None:
    probe = event_format(
        "e",
        3000,
        ("s32 fd", 8, 4, True),
        ("u32 slot", 12, 4, False),
        ("u32 flags", 16, 4, False),
        ("u64 gpa", 20, 8, False),
        ("u64 size", 28, 8, False),
        ("u64 hva", 36, 8, False),
        ("u64 gmem_off", 44, 8, False),
        ("s32 gmem_fd", 52, 4, True),
    )
    content = struct.pack("<HBBiiIIQQQQi", 3000, 0, 0, 9, -1, 3, 4, 5, 6, 7, 8, -1)
    rows, _ = decode_rows(tmp_path, page(10, event(content)), formats={"any": [probe]})
    (row,) = rows
    assert (row["code"], row["flags"]) == (RecordCode.USER_REGION, 1)
    assert row["v"].tolist() == [2**64 - 1, 3 | 4 << 32, 5, 6, 7, 8, 2**64 - 1, 0]


def losses(rows: list[RecordArray]) -> list[tuple[str, int, int, int]]:
    """(code, ts, count, other end) of the loss rows."""
    return [
        (RecordCode(int(row["code"])).name, int(row["ts"]), *row["v"][:2].tolist())
        for row in rows
        if row["code"] in (RecordCode.LOSS_BEGIN, RecordCode.LOSS_END)
    ]


def test_missed_events_lie_between_the_events_around_them(tmp_path: Path) -> None:
    rows, trace = decode_rows(
        tmp_path,
        page(10, ioctl_exit(1), ioctl_exit(2, 5)),
        page(100, ioctl_exit(3), missed=True, missed_count=42),
    )
    assert losses(rows) == [("LOSS_BEGIN", 15, 42, 100), ("LOSS_END", 100, 42, 15)]
    assert [int(row["ts"]) for row in rows] == [10, 15, 15, 100, 100]
    assert trace.lost_events == 42


def test_missed_flag_is_the_same_with_the_upper_half_of_its_word_clear(tmp_path: Path) -> None:
    flagged = damaged(page(100, ioctl_exit(3), missed=True), 12, bytes(4))
    rows, trace = decode_rows(tmp_path, page(10, ioctl_exit(1)), flagged)
    assert losses(rows) == [("LOSS_BEGIN", 10, 0, 100), ("LOSS_END", 100, 0, 10)]
    assert trace.problems == ()


def test_missed_events_without_room_for_their_count_are_of_unknown_number(tmp_path: Path) -> None:
    full = [ioctl_exit(i, 1) for i in range(145)] + [
        word(29, 1) + struct.pack("<I", 16) + bytes(12)
    ]
    rows, trace = decode_rows(tmp_path, page(1, ioctl_exit(0)), page(10, *full, missed=True))
    assert losses(rows) == [("LOSS_BEGIN", 1, 0, 11), ("LOSS_END", 11, 0, 1)]
    assert trace.lost_events == 0


def test_count_said_to_be_stored_where_no_room_is_left_is_not_read(tmp_path: Path) -> None:
    full = [ioctl_exit(i, 1) for i in range(145)] + [
        word(29, 1) + struct.pack("<I", 16) + bytes(12)
    ]
    rows, _ = decode_rows(
        tmp_path, page(1, ioctl_exit(0)), page(10, *full, missed=True, missed_count=9)
    )
    assert losses(rows)[0][2] == 0


def test_missed_events_before_the_first_page_begin_with_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "made.dat"
    cpus = {
        0: [page(100, ioctl_exit(1), missed=True, missed_count=3)],
        1: [page(50, ioctl_exit(2))],
    }
    path.write_bytes(TraceFile(cpus).version7())
    with open_trace_dat(path) as trace:
        rows = [row for batch in trace.records() for row in batch]
    assert losses(rows) == [("LOSS_BEGIN", 50, 3, 100), ("LOSS_END", 100, 3, 50)]
    assert trace.start_ns == 50


def damaged(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


SOUND = [page(ts, *(ioctl_exit(i, 1) for i in range(3))) for ts in (100, 200, 300, 400)]
ALL_TIMES = [t + i for t in (101, 201, 301, 401) for i in range(3)]


@pytest.mark.parametrize(
    ("at", "new", "reason"),
    [
        (8, struct.pack("<I", 5000), "the page's header is not one"),
        (12, b"\1", "the page's header is not one"),
        (0, struct.pack("<Q", 10**15), "the page's time does not fit between its neighbours'"),
        (0, struct.pack("<Q", 20), "the page's time does not fit between its neighbours'"),
        (16, word(6, 2**20), "the page's time does not fit between its neighbours'"),
        (16, word(28, 1), None),
        (16, word(0, 1) + struct.pack("<I", 4000), "an event does not fit into its page"),
        (16, word(0, 1) + struct.pack("<I", 0), "an event does not fit into its page"),
        (16, word(2, 1), "an event is shorter than its format"),
        (16, time_stamp(3), "an event's time runs backwards"),
    ],
)
def test_damaged_page_is_stepped_over_and_called_a_loss(
    tmp_path: Path, at: int, new: bytes, reason: str | None
) -> None:
    pages = [SOUND[0], damaged(SOUND[1], at, new), *SOUND[2:]]
    rows, trace = decode_rows(tmp_path, *pages)
    times = [int(row["ts"]) for row in rows if row["code"] == RecordCode.IOCTL_EXIT]
    others = [t for t in times if not 200 < t < 300]
    assert others == [t for t in ALL_TIMES if not 200 < t < 300]
    if reason is not None:
        assert reason in [problem.reason for problem in trace.problems]
        assert [loss[1:3] for loss in losses(rows)] == [(103, 0), (301, 0)]


def test_format_of_made_files_has_the_common_fields() -> None:
    assert all(COMMON in text for texts in FORMATS.values() for text in texts)
