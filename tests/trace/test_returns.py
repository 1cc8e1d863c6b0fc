"""Return probes with names that say nothing, told by what their records carry."""

import struct
from pathlib import Path

import pytest

from collector.codes import RecordCode
from collector.trace.ring_buffer import EventFormat
from collector.trace.tracedat import open_trace_dat
from collector.trace.tracedat._tracedat import TraceDat
from tests.trace.tracefile import TraceFile, event, event_format, page

VM_IOCTL_AT, CREATE_AT, UNKNOWN_AT = 0xFFFFFFFF81000004, 0xFFFFFFFF82000004, 0xFFFFFFFF83000000

IP = ("unsigned long __probe_ip", 8, 8, False)
RETURN = (
    ("unsigned long __probe_func", 8, 8, False),
    ("unsigned long __probe_ret_ip", 16, 8, False),
)
FORMATS = {
    "q": [
        event_format(
            "a",
            1,
            IP,
            *(
                (f"u64 {name}", 16 + 8 * i, 8, False)
                for i, name in enumerate(("kvm", "cmd", "f0", "f1", "f2", "f3", "f4", "f5"))
            ),
        ),
        event_format("b", 2, *RETURN, ("s64 ret", 24, 8, True)),
        event_format("c", 3, *RETURN, ("s32 fd", 24, 4, True)),
        event_format("d", 4, ("s64 ret", 8, 8, True)),
        event_format("e", 5, ("s64 ret", 8, 8, True)),
        event_format(
            "f",
            6,
            *(
                (f"u64 {name}", 8 + 8 * i, 8, False)
                for i, name in enumerate(("fd", "mode", "off", "len"))
            ),
        ),
        event_format(
            "g",
            7,
            *(
                (f"u64 {name}", 8 + 8 * i, 8, False)
                for i, name in enumerate(("fd", "address", "size", "attributes"))
            ),
        ),
    ]
}


def record(event_id: int, *numbers: int, tid: int = 1) -> bytes:
    return event(
        struct.pack("<HBBi", event_id, 0, 0, tid) + struct.pack(f"<{len(numbers)}q", *numbers), 1
    )


def signed(address: int) -> int:
    return address - 2**64


def decoded(folder: Path, *events: bytes, kallsyms: bytes = b"") -> list[str]:
    path = folder / "made.dat"
    made = TraceFile({0: [page(10, *events)]}, formats=FORMATS, kallsyms=kallsyms)
    path.write_bytes(made.version7("zstd"))
    with open_trace_dat(path) as trace:
        return [RecordCode(int(row["code"])).name for b in trace.records() for row in b]


def test_kretprobe_belongs_to_the_kprobe_at_the_same_address(tmp_path: Path) -> None:
    entry = record(1, signed(VM_IOCTL_AT), 0, 0, 0, 0, 0, 0, 0, 0)
    found = decoded(tmp_path, entry, record(2, signed(VM_IOCTL_AT), 0, 0))
    assert found == ["VM_IOCTL", "VM_IOCTL_RETURN"]


@pytest.mark.parametrize("version", [6, 7])
def test_kretprobe_without_a_kprobe_is_told_by_the_symbol(tmp_path: Path, version: int) -> None:
    symbols = (
        b"ffffffff81ffff00 t before_it\n"
        b"ffffffff82000000 t kvm_gmem_create\t[kvm]\n"
        b"ffffffff82000008 d not_a_function\n"
        b"broken line\n"
        b"ffffffff82000100 t after_it\n"
    )
    found = decoded(tmp_path, record(3, signed(CREATE_AT), 0, 7), kallsyms=symbols)
    assert found == ["GMEM_CREATE_RETURN"]


def test_kretprobe_of_an_unknown_function_is_only_counted(tmp_path: Path) -> None:
    assert decoded(tmp_path, record(2, signed(UNKNOWN_AT), 0, 0)) == []


def test_exit_probes_are_told_apart_by_the_calls_before_them(tmp_path: Path) -> None:
    calls = [
        record(7, 3, 0, 0, 8),
        record(6, 4, 1, 0, 4096, tid=2),
        record(5, 0, tid=2),
        record(4, 0),
    ]
    found = decoded(tmp_path, *calls)
    assert found == ["USER_SET_ATTRIBUTES", "FALLOCATE_ENTER", "FALLOCATE_EXIT", "IOCTL_EXIT"]


def test_exit_probe_without_any_entry_is_taken_as_ioctls(tmp_path: Path) -> None:
    assert decoded(tmp_path, record(4, 0), record(4, 0)) == ["IOCTL_EXIT", "IOCTL_EXIT"]


def test_real_probes_under_names_that_say_nothing(recordings: Path) -> None:
    with open_trace_dat(recordings / "convwork" / "probes.dat") as trace:
        expected = [batch.tobytes() for batch in trace.records()]
        formats = trace.contents.formats
        for i, probe in enumerate(formats):
            if probe.system == "rig":
                formats[i] = EventFormat("probes", f"p{i}", probe.id, probe.text)
        renamed = TraceDat(trace._file, trace.contents)
        assert [batch.tobytes() for batch in renamed.records()] == expected
