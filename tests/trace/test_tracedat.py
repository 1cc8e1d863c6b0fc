"""What a file tells of itself, what is refused, and how several buffers become one stream."""

import struct
from pathlib import Path

import numpy as np
import pytest

from collector.codes import RecordCode
from collector.importing._trace_dat import TraceDatFile
from collector.trace.errors import InputError
from collector.trace.tracedat import open_trace_dat
from collector.trace.tracedat._tracedat import TraceDat
from tests.trace.tracefile import FORMATS, TraceFile, event_format, header_page, ioctl_exit, page

PAGES = [page(100, ioctl_exit(1), ioctl_exit(2, 50)), page(300, ioctl_exit(3))]


def opened(folder: Path, content: bytes) -> TraceDat:
    path = folder / "made.dat"
    path.write_bytes(content)
    return open_trace_dat(path)


def rows(trace: TraceDat) -> list[tuple[int, int, int]]:
    """(ts, cpu, v[0]) of all records."""
    return [
        (int(r["ts"]), int(r["cpu"]), int(r["v"][0])) for batch in trace.records() for r in batch
    ]


def written(made: TraceFile, version: str) -> bytes:
    return made.version6() if version == "6" else made.version7(version)


@pytest.mark.parametrize("version", ["6", "none", "zstd"])
def test_metadata_is_the_same_in_every_version(tmp_path: Path, version: str) -> None:
    guest = b"guest-a\0" + struct.pack("<QIII", 99, 1, 0, 4242)
    made = TraceFile(
        {0: PAGES, 1: []},
        options=[
            (9, b"3.1.6\0"),
            (11, struct.pack("<Q", 7)),
            (13, guest),
            (1, b"0x10\0"),
            (200, b"unknown to us"),
        ],
    )
    with opened(tmp_path, written(made, version)) as trace:
        assert trace.version == (6 if version == "6" else 7)
        assert (trace.clock, trace.host, trace.kernel_release) == (
            "mono",
            "testhost",
            "6.12.0-test",
        )
        assert trace.command_names == {1: "qemu system", 7: "vcpu0"}
        assert trace.start_ns == 100
        assert trace.wall_minus_clock_ns == 16_000
        assert trace.contents.trace_id == 7
        assert [(g.name, g.vcpu_tids) for g in trace.contents.guests] == [("guest-a", {0: 4242})]
        assert set(trace.events_present) == {
            "syscalls:sys_exit_ioctl",
            "kvm:kvm_hypercall",
            "kvm:kvm_fpu",
        }
        assert rows(trace) == [(100, 0, 1), (150, 0, 2), (300, 0, 3)]
        assert rows(trace) == [(100, 0, 1), (150, 0, 2), (300, 0, 3)]  # again from the start
        assert trace.problems == ()


@pytest.mark.parametrize("version", ["6", "none", "zstd"])
def test_all_buffers_of_the_file_are_merged(tmp_path: Path, version: str) -> None:
    made = TraceFile(
        {0: [], 1: [page(120, ioctl_exit(7))]},
        instances={"vm": ("mono", {0: PAGES, 1: [page(40, ioctl_exit(8), ioctl_exit(9, 60))]})},
    )
    with opened(tmp_path, written(made, version)) as trace:
        assert trace.start_ns == 40
        assert rows(trace) == [
            (40, 1, 8),
            (100, 0, 1),  # at the same time: in the order of the CPUs
            (100, 1, 9),
            (120, 1, 7),
            (150, 0, 2),
            (300, 0, 3),
        ]


def test_buffer_with_another_clock_is_left_out_and_said_so(tmp_path: Path) -> None:
    made = TraceFile({0: PAGES}, instances={"other": ("x86-tsc", {0: [page(1, ioctl_exit(7))]})})
    with opened(tmp_path, made.version7()) as trace:
        assert [row[2] for row in rows(trace)] == [1, 2, 3]
        assert trace.notes == ("Buffer 'other' is left out: its clock is x86-tsc, not mono.",)


def test_offset_is_added_to_every_time(tmp_path: Path) -> None:
    with opened(tmp_path, TraceFile({0: PAGES}, options=[(7, b"-40\0")]).version7()) as trace:
        assert trace.start_ns == 60
        assert [row[0] for row in rows(trace)] == [60, 110, 260]


def test_tsc_clock_is_converted_to_ns(tmp_path: Path) -> None:
    ticks = 2**45 + 12345
    pages = [
        page(ticks, ioctl_exit(1)),
        page(ticks + 2000, ioctl_exit(2), missed=True, missed_count=5),
    ]
    option = (14, struct.pack("<IIQ", 3 << 30, 31, 1000))
    made = TraceFile({0: pages}, clock="x86-tsc", options=[option])
    with opened(tmp_path, made.version7()) as trace:
        (batch,) = list(trace.records())
    first, second = ticks * 3 // 2 + 1000, (ticks + 2000) * 3 // 2 + 1000
    assert batch["ts"].tolist() == [first, first, second, second]
    assert batch["v"][1:3, :2].tolist() == [[5, second], [5, first]]


def test_tsc_clock_without_a_frequency_is_said_to_be_ticks(tmp_path: Path) -> None:
    with opened(tmp_path, TraceFile({0: PAGES}, clock="x86-tsc").version7()) as trace:
        assert rows(trace)[0][0] == 100
        assert "TSC ticks" in trace.notes[0]


def test_trace_of_a_guest_is_said_to_have_the_guests_times(tmp_path: Path) -> None:
    option = (12, struct.pack("<QII", 1, 0, 0))
    with opened(tmp_path, TraceFile({0: PAGES}, options=[option]).version7()) as trace:
        assert "inside a guest" in trace.notes[0]


def header(version: str = "7", endian: int = 0, long_size: int = 8) -> bytes:
    return b"\x17\x08\x44tracing" + version.encode() + bytes([0, endian, long_size]) + bytes(50)


@pytest.mark.parametrize(
    ("content", "offset", "words"),
    [
        (b"", 0, "empty"),
        (b"\x7fELF" + bytes(100), 0, "not a trace.dat"),
        (b"\x17\x08", 0, "not a trace.dat"),
        (header(endian=1), 13, "big-endian"),
        (header(long_size=4), 14, "32-bit"),
        (header(version="8"), 10, "version '8'"),
        (header()[:14], 14, "bytes expected"),
        (header()[:16] + b"\0\0lzma\x001\0" + bytes(40), None, "lzma"),
        (TraceFile({0: PAGES}, header=header_page(4096, 4)).version7(), None, "32-bit kernel"),
        (TraceFile({0: PAGES}, header="nothing").version7(), None, "header_page"),
        (TraceFile({0: PAGES}).version6().replace(b"flyrecord\0", b"latency  \0"), None, "latency"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, offset: int | None, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, content)
    assert words in caught.value.reason
    if offset is not None:
        assert caught.value.offset == offset


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_trace_dat(tmp_path / "none.dat")
    with pytest.raises(InputError, match="not a regular file"):
        open_trace_dat(tmp_path)


def test_option_sections_in_a_ring_end(tmp_path: Path) -> None:
    content = bytearray(TraceFile({0: PAGES}).version7())
    first = struct.unpack_from("<Q", content, content.index(b"none\x001.5\0") + 9)[0]
    content[-8:] = struct.pack("<Q", first)
    with opened(tmp_path, bytes(content)) as trace:
        assert [row[2] for row in rows(trace)] == [1, 2, 3]
        assert "more than once" in trace.problems[0].reason


def test_recording_without_events_yields_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, TraceFile({0: [], 1: []}).version7()) as trace:
        assert (rows(trace), trace.start_ns, trace.problems) == ([], 0, ())


def stats(cpu: int, overrun: int, dropped: int = 0) -> tuple[int, bytes]:
    text = f"CPU: {cpu}\nentries: 1\noverrun: {overrun}\ncommit overrun: 0\nbytes: 12\n"
    return 2, f"{text}oldest event ts:     9.061747\ndropped events: {dropped}\n\0".encode()


def loss_rows(trace: TraceDat) -> list[tuple[str, int, int, int, int]]:
    """(code, ts, cpu, count, other end)."""
    return [
        (RecordCode(int(r["code"])).name, int(r["ts"]), int(r["cpu"]), *r["v"][:2].tolist())
        for r in np.concatenate(list(trace.records()))
        if r["code"] in (RecordCode.LOSS_BEGIN, RecordCode.LOSS_END)
    ]


def test_stats_count_the_one_gap_whose_page_has_no_count(tmp_path: Path) -> None:
    pages = [page(100, ioctl_exit(1), missed=True), page(300, ioctl_exit(3))]
    with opened(tmp_path, TraceFile({0: pages}, options=[stats(0, 17)]).version7()) as trace:
        assert loss_rows(trace) == [
            ("LOSS_BEGIN", 100, 0, 17, 100),
            ("LOSS_END", 100, 0, 17, 100),
        ]
        assert trace.lost_events == 17


def test_loss_that_only_the_stats_tell_of_may_be_anywhere(tmp_path: Path) -> None:
    made = TraceFile({0: PAGES, 1: [page(90, ioctl_exit(4))]}, options=[stats(0, 0, dropped=5)])
    with opened(tmp_path, made.version7()) as trace:
        assert loss_rows(trace) == [
            ("LOSS_BEGIN", 90, 0, 5, 0),
            ("LOSS_END", 300, 0, 5, 90),
        ]
        assert trace.lost_events == 5


def test_dropped_events_are_not_those_that_a_page_tells_of(tmp_path: Path) -> None:
    """That page is missing what was overwritten before it; what was dropped may be anywhere."""
    pages = [page(100, ioctl_exit(1)), page(200, ioctl_exit(2), missed=True)]
    made = TraceFile({0: pages, 1: [page(300, ioctl_exit(3))]}, options=[stats(0, 17, dropped=5)])
    with opened(tmp_path, made.version7()) as trace:
        assert loss_rows(trace) == [
            ("LOSS_BEGIN", 100, 0, 5, 0),
            ("LOSS_BEGIN", 100, 0, 17, 200),
            ("LOSS_END", 200, 0, 17, 100),
            ("LOSS_END", 300, 0, 5, 100),
        ]
        assert trace.lost_events == 22


def test_stats_belong_to_the_buffer_named_before_them(tmp_path: Path) -> None:
    instances = {"vm": ("mono", {0: [page(50, ioctl_exit(4), missed=True)]})}
    options = [stats(0, 0), (2, b"\nBuffer: vm\n\n\0"), stats(0, 8)]
    made = TraceFile({0: PAGES}, options=options, instances=instances)
    with opened(tmp_path, made.version7()) as trace:
        assert [loss[3] for loss in loss_rows(trace)] == [8, 8]


@pytest.mark.parametrize(("name", "lost"), [("extract", 1593 + 10831), ("starved", 10299 + 1884)])
def test_real_losses_are_counted_to_the_event(recordings: Path, name: str, lost: int) -> None:
    with open_trace_dat(recordings / "lossy" / f"{name}.dat") as trace:
        found = loss_rows(trace)
        assert trace.lost_events == lost
    assert sum(row[3] for row in found if row[0] == "LOSS_BEGIN") == lost
    assert {row[1] for row in found if row[0] == "LOSS_BEGIN"} == {trace.start_ns}


PROBED = ("address", "size", "attributes", "flags")


@pytest.mark.parametrize("reads_cmd", [True, False])
def test_conversions_in_place_are_seen_by_a_probe_that_tells_ioctls_apart(
    tmp_path: Path, reads_cmd: bool
) -> None:
    """The probe as Linux 6.12 lays it out: its fields follow each other without gaps."""
    cmd = [("u32 cmd", 12, 4, False)] if reads_cmd else []
    at = 12 + 4 * len(cmd)
    values = [(f"u64 {name}", at + 8 * i, 8, False) for i, name in enumerate(PROBED)]
    probe = event_format("set_attributes", 1309, ("s32 fd", 8, 4, True), *cmd, *values)
    path = tmp_path / "made.dat"
    path.write_bytes(TraceFile({0: PAGES}, formats=FORMATS | {"gmemscope": [probe]}).version6())
    source = TraceDatFile(path)
    assert source.sees()["conversion-ranges"]
    assert source.sees()["in-place-conversions"] == reads_cmd
    source.close()
