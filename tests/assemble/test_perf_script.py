"""Text of perf script: the same conversions as from a trace.dat; damage and losses have a place."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from app.model.guest import EventKind, Outcome
from collector.codes import CallCode
from collector.importing import format_of
from collector.importing._text_trace import PerfScript
from collector.records import CallArray
from collector.trace.errors import InputError
from tests.assemble.checks import Imports, imported

HEADER = b"""# ========
# captured on    : Sun Nov 22 20:59:08 2026
# hostname : metal
# os release : 6.12.117
# clockid: monotonic (1)
# reference time: 2026-11-22 20:59:08.182339 = 1795381148.182339 (TOD) = 12188.029231955 (monotonic)
# ========
"""
SET = b"0x4020aed2"

WriteText = Callable[[bytes], Path]


@pytest.fixture
def written(tmp_path: Path) -> WriteText:
    def write(text: bytes) -> Path:
        path = tmp_path / "recording.txt"
        path.write_bytes(text)
        return path

    return write


def line(t_us: int, rest: str, *, tid: str = "7", comm: str = "vmm", cpu: int = 0) -> bytes:
    seconds, fraction = divmod(t_us, 1_000_000)
    return f"{comm:>16} {tid:>5} [{cpu:03}] {seconds:>5}.{fraction:06}000: {rest}\n".encode()


def convert(t_us: int, ret: int = 0, **who: str | int) -> bytes:
    enter = f"   syscalls:sys_enter_ioctl: fd: 0x00000005, cmd: {SET.decode()}, arg: 0x7ffd9906"
    leave = f"    syscalls:sys_exit_ioctl: {ret & 0xFFFFFFFFFFFFFFFF:#x}"
    return line(t_us, enter, **who) + line(t_us + 2, leave, **who)  # type: ignore[arg-type]


def calls_of(path: Path) -> tuple[list[CallArray], InputError | None]:
    batches: list[CallArray] = []
    source = PerfScript(path)
    try:
        batches.extend(source.batches())
    except InputError as error:
        return [call for batch in batches for call in batch], error
    return [call for batch in batches for call in batch], None


def codes(calls: list[CallArray]) -> list[int]:
    return [int(call["code"]) for call in calls]


def told(run: Imports) -> list[list[tuple[object, ...]]]:
    """What is said of the conversions of each VM, but for times and threads."""
    names = [
        "gfn",
        "npages",
        "aux",
        "errno",
        "vcpu",
        "to",
        "outcome",
        "cause",
        "cause_certainty",
        "range_certainty",
    ]
    vms = sorted(run.sink.named(), key=lambda vm: vm.identity.created_t or 0)
    return [[tuple(int(row[name]) for name in names) for row in vm.conversions] for vm in vms]


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        ("convwork/perf.script.txt", "convwork/lean.dat"),
        ("convwork2/perf.script.pidtid.txt", "convwork/lean.dat"),
        ("tp-convwork/perf.script.pidtid.txt", "tp-convwork/lean.dat"),
    ],
)
def test_says_what_a_trace_dat_of_the_same_workload_says(
    recordings: Path, text: str, trace: str
) -> None:
    by_text, by_trace = imported(recordings / text), imported(recordings / trace)
    assert told(by_text) == told(by_trace)
    assert by_text.sink.coverage["sees"] == by_trace.sink.coverage["sees"]


def test_process_is_told_where_the_text_has_it(recordings: Path) -> None:
    source = PerfScript(recordings / "convwork2/perf.script.pidtid.txt")
    list(source.batches())
    description = source.describe()
    assert description.thread_groups == {96: 96, 97: 97, 99: 97}
    assert description.command_names[97] == "convwork"
    assert description.clock == "perf"


def test_header_tells_host_and_clock(written: WriteText) -> None:
    description = PerfScript(written(HEADER + convert(20_000_000_000))).describe()
    assert (description.host, description.kernel_release) == ("metal", "6.12.117")
    assert (description.clock, description.clock_start_ns) == ("mono", 20_000_000_000_000)
    assert description.wall_start_ns == 1795381148182339000 + 20_000_000_000_000 - 12188029231955


def test_lost_events_are_placed_between_the_events_of_their_cpu(recordings: Path) -> None:
    path = recordings / "lossy/perf.script.txt"
    calls, _ = calls_of(path)
    begins = [call for call in calls if call["code"] == CallCode.LOSS_BEGIN]
    ends = [call for call in calls if call["code"] == CallCode.LOSS_END]
    assert len(begins) == len(ends) == 39
    assert sum(int(call["v"][0]) for call in ends) == 903
    first = begins[0]
    assert (first["v"][0], int(first["v"][1])) == (95, 19_499_665_796)
    lines = path.read_text().splitlines()
    at = next(i for i, text in enumerate(lines) if "PERF_RECORD_LOST lost 95" in text)
    before = next(text for text in reversed(lines[:at]) if "[000]" in text)
    assert f"{int(first['ts_exit']) / 1e9:.9f}:" in before


def test_damaged_line_is_a_lost_event_in_its_place(written: WriteText) -> None:
    good = [convert(10), convert(20), convert(30)]
    bad = good[1].replace(b"cmd: 0x", b"cmd: zx")
    calls, error = calls_of(written(good[0] + bad + good[2]))
    assert codes(calls) == [
        CallCode.SET_ATTRIBUTES,
        CallCode.LOSS_BEGIN,
        CallCode.LOSS_END,
        CallCode.LATE_RETURN,  # that of the call whose entry could not be read
        CallCode.LATE_RETURN,
        CallCode.SET_ATTRIBUTES,
    ]
    assert [int(call["ts_exit"]) for call in calls[:3]] == [12_000, 12_000, 22_000]
    assert error is not None
    assert (error.offset, error.reason) == (
        len(good[0]),
        "1 lines are damaged, this is the first",
    )


def test_cut_last_line_is_not_believed(written: WriteText) -> None:
    text = convert(10) + convert(20)
    calls, error = calls_of(written(text[:-1]))
    assert [int(call["ret"]) for call in calls if call["code"] == CallCode.SET_ATTRIBUTES][:1] == [
        0
    ]
    assert error is not None
    assert error.reason == "the last line is cut off"
    assert error.offset == text[:-1].rfind(b"\n") + 1


def test_names_may_hold_anything(written: WriteText) -> None:
    names = ["a b", "x [000] 1.0: y", "-12/3", "CPU 0/KVM", ":-1", "(sd-pam)"]
    text = b"".join(convert(10 * i, comm=name, tid=f"{i}") for i, name in enumerate(names, 1))
    path = written(text)
    calls, error = calls_of(path)
    assert error is None
    assert [int(call["tid"]) for call in calls] == [1, 2, 3, 4, 5, 6]
    source = PerfScript(path)
    assert source.describe().command_names == dict(enumerate(names, 1))


def test_results_are_signed(written: WriteText) -> None:
    calls, _ = calls_of(written(convert(10, -22) + convert(20, 5)))
    assert [int(call["ret"]) for call in calls] == [-22, 5]


def test_file_descriptors_are_ints(written: WriteText) -> None:
    calls, _ = calls_of(written(convert(10, -9).replace(b"fd: 0x00000005", b"fd: 0xffffffff")))
    assert [int(call["fd"]) for call in calls] == [-1]


def test_what_tools_say_besides_events_is_passed_over(written: WriteText) -> None:
    noise = (
        b"libtraceevent: No such file or directory\n"
        b"  [kvm:kvm_inj_exception] bad op token }\n"
        b"Warning:\r\nProcessed 13888 samples and lost 9.07%!\n\n"
        b"\tffffffff81033604 kvm_vm_ioctl+0x0 ([kvm])\n"
    )
    calls, error = calls_of(written(noise + convert(10) + noise + convert(20)))
    assert error is None
    assert codes(calls) == [CallCode.SET_ATTRIBUTES] * 2


def test_lines_out_of_order_are_put_in_order(written: WriteText) -> None:
    calls, error = calls_of(written(convert(30) + convert(10, tid="8") + convert(20, tid="9")))
    assert error is None
    assert [int(call["ts_exit"]) for call in calls] == [12_000, 22_000, 32_000]


def test_other_events_are_counted_but_not_used(written: WriteText) -> None:
    source = PerfScript(written(convert(10) + line(20, "kvm:kvm_fpu: unload") * 3))
    list(source.batches())
    used, unused = source.event_counts()
    assert used == {"syscalls:sys_enter_ioctl": 1, "syscalls:sys_exit_ioctl": 1}
    assert unused == {"kvm:kvm_fpu": 3}


@pytest.mark.parametrize("reason", ["0x27 (39)", "error (14)"])
def test_memory_fault_is_known_by_its_reason_or_its_error(written: WriteText, reason: str) -> None:
    fault = line(5, f"kvm:kvm_userspace_exit: reason {reason}")
    run = imported(written(fault + convert(10)))
    (vm,) = run.sink.vms
    assert vm.events["kind"].tolist() == [EventKind.MEMORY_FAULT, EventKind.CONVERSION]
    assert vm.events["outcome"].tolist() == [Outcome.APPLIED] * 2
    assert run.sink.coverage["notes"]


@pytest.mark.parametrize("name", ["convwork/perf.script.txt", "tp-convwork/perf.script.pidtid.txt"])
def test_format_is_told_by_content(recordings: Path, name: str) -> None:
    assert format_of(recordings / name) == "perf-script"


def test_damage_of_any_kind_is_an_input_error_or_none(recordings: Path, tmp_path: Path) -> None:
    text = (recordings / "lossy/perf.script.txt").read_bytes()[:40_000]
    dice = random.Random(7)
    for _ in range(60):
        content = bytearray(text)
        for _ in range(dice.randrange(1, 40)):
            content[dice.randrange(len(content))] = dice.choice(b"\0\n []:.x0f9-/(# \xff")
        path = tmp_path / "damaged.txt"
        path.write_bytes(content[: dice.randrange(1, len(content))])
        calls, _ = calls_of(path)
        times = [int(call["ts_exit"]) for call in calls]
        assert times == sorted(times)
