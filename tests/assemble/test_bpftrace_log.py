"""The bpftrace log: what its lines mean, and what becomes of a damaged one."""

from pathlib import Path

import numpy as np
import pytest

from app.model.guest import EventKind, Outcome, PageState
from app.store.protocol import Loss
from collector.codes import CallCode
from collector.importing import format_of
from collector.importing._bpftrace_log import BpftraceLog
from collector.records import CALL, CallArray
from collector.trace.errors import InputError
from tests.assemble.checks import imported

HEADER = "Attaching 6 probes...\n# conv.bt v1; times are bpftrace nsecs (boot clock)\n"
CREATE = "1000 1100 7 7 CPU 0/KVM CREATE_VM fd=4 type=1 ret=5\n"
PRIVATE = (
    "2000 2100 7 8 CPU 0/KVM SET_MEMORY_ATTRIBUTES fd=5 address=0x10000 size=0x2000"
    " attributes=0x8 flags=0x0 ret=0\n"
)
SHARED = PRIVATE.replace("2000 2100", "3000 3100").replace("attributes=0x8", "attributes=0x0")


def log(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "log.txt"
    path.write_text(text)
    return path


def calls_of(path: Path) -> CallArray:
    return np.concatenate([np.zeros(0, dtype=CALL), *BpftraceLog(path).batches()])


def test_line_tells_all_of_a_call(tmp_path: Path) -> None:
    call = calls_of(log(tmp_path, HEADER + PRIVATE))[0]
    assert (call["ts_enter"], call["ts_exit"], call["tgid"], call["tid"]) == (2000, 2100, 7, 8)
    assert call["code"] == CallCode.SET_ATTRIBUTES
    assert (call["fd"], call["ret"]) == (5, 0)
    assert call["v"].tolist() == [0x10000, 0x2000, 8, 0, 0, 0, 0]


@pytest.mark.parametrize("fd", ["-1", "4294967295", "18446744073709551615"])
def test_negative_fd_is_negative_however_it_is_printed(tmp_path: Path, fd: str) -> None:
    line = PRIVATE.replace("fd=5", f"fd={fd}").replace("ret=0", "ret=-9")
    assert calls_of(log(tmp_path, line))["fd"].tolist() == [-1]


def test_memory_region_with_guest_memfd(tmp_path: Path) -> None:
    line = (
        "1 2 7 7 vmm SET_USER_MEMORY_REGION2 fd=5 slot=65537 flags=0x4 gpa=0x1000 size=0x2000"
        " hva=0x7000 gmem_offset=0x3000 gmem_fd=4294967295 ret=-22\n"
    )
    v = calls_of(log(tmp_path, line))["v"][0]
    assert v.tolist() == [65537 | 4 << 32, 0x1000, 0x2000, 0x7000, 0x3000, 2**64 - 1, 0]


def test_comm_with_blanks_names_the_vm(tmp_path: Path) -> None:
    run = imported(log(tmp_path, HEADER + CREATE + PRIVATE))
    assert [vm.identity.name for vm in run.sink.vms] == ["CPU 0/KVM"]
    assert run.result.damage is None


def test_time_starts_at_the_first_entry_even_if_another_call_returned_before(
    tmp_path: Path,
) -> None:
    early = PRIVATE.replace("2000 2100", "500 9000")
    assert imported(log(tmp_path, CREATE + early)).header.clock_start_ns == 500


def test_lines_of_several_cpus_are_put_in_order(tmp_path: Path) -> None:
    calls = calls_of(log(tmp_path, HEADER + SHARED + CREATE + PRIVATE))
    assert calls["ts_exit"].tolist() == [1100, 2100, 3100]


def test_lost_events_may_lie_anywhere_before_the_next_line(tmp_path: Path) -> None:
    """Lines tell no CPU, so that of those which lost some may be behind all others."""
    text = CREATE + PRIVATE + "Lost 3 events\nLost 4 events\n" + SHARED
    run = imported(log(tmp_path, HEADER + text))
    assert run.sink.losses == [Loss(0, 2100, 7, None, "bpftrace")]
    assert run.result.lost_events == 7
    kinds = run.sink.vms[0].events["kind"].tolist()
    expected = [EventKind.LOSS_BEGIN, EventKind.CONVERSION, EventKind.LOSS_END]
    assert kinds == [*expected, EventKind.CONVERSION]


def test_losses_at_both_ends_of_the_log(tmp_path: Path) -> None:
    text = "Lost 1 events\n" + CREATE + PRIVATE + "Lost 2 events\n"
    run = imported(log(tmp_path, HEADER + text))
    assert [loss.count for loss in run.sink.losses] == [1, 2]
    kinds = run.sink.vms[0].events["kind"].tolist()
    assert kinds[-1] == EventKind.LOSS_END
    assert kinds.count(EventKind.LOSS_BEGIN) == kinds.count(EventKind.LOSS_END)


def test_cut_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    text = HEADER + CREATE + PRIVATE + SHARED.removesuffix("\n")
    run = imported(log(tmp_path, text))
    assert isinstance(run.result.damage, InputError)
    assert run.result.damage.offset == len(HEADER + CREATE + PRIVATE)
    assert len(run.sink.vms[0].conversions) == 1
    assert run.sink.incomplete is not None and "cut off" in run.sink.incomplete


def test_damaged_line_is_a_lost_call(tmp_path: Path) -> None:
    text = HEADER + CREATE + PRIVATE.replace("size=0x2000", "size=?") + SHARED
    run = imported(log(tmp_path, text))
    assert run.result.damage is not None
    assert run.result.damage.offset == len(HEADER + CREATE)
    assert [loss.count for loss in run.sink.losses] == [1]
    assert len(run.sink.vms[0].conversions) == 1


@pytest.mark.parametrize(
    "noise", ["", "@cmd[12]: 3", "WARNING: something", "# a comment", "Attaching 9 probes..."]
)
def test_what_bpftrace_says_besides_is_no_damage(tmp_path: Path, noise: str) -> None:
    run = imported(log(tmp_path, f"{HEADER}{CREATE}{noise}\n{PRIVATE}"))
    assert run.result.damage is None
    assert run.sink.losses == []


def test_other_version_is_refused(tmp_path: Path) -> None:
    run = imported(log(tmp_path, "# conv.bt v9\n" + CREATE))
    assert run.result.damage is not None and "v9" in str(run.result.damage)


@pytest.mark.parametrize(
    "field", ["18446744073709551616", "0x1ffffffffffffffff", "-", "99999999999999999999999"]
)
def test_impossible_numbers_are_damage(tmp_path: Path, field: str) -> None:
    for part in ("2000", "0x2000", "ret=0"):
        replacement = f"ret={field}" if part == "ret=0" else field
        run = imported(log(tmp_path, CREATE + PRIVATE.replace(part, replacement, 1) + SHARED))
        assert run.result.damage is not None
        assert len(run.sink.vms[0].conversions) == 1


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00" * 100, b"\x7fELF" + b"x" * 1000])
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError):
        format_of(path)


def test_any_cut_keeps_what_came_before(recordings: Path, tmp_path: Path) -> None:
    whole = (recordings / "convwork" / "bpf.txt").read_bytes()
    for cut in range(1, len(whole), 9973):
        path = tmp_path / "cut.txt"
        path.write_bytes(whole[:cut])
        calls = BpftraceLog(path)
        kept = 0
        try:
            for batch in calls.batches():
                kept += int((batch["code"] < CallCode.LOSS_BEGIN).sum())
        except InputError as error:
            assert error.offset is not None and error.offset < cut
        lines = whole[:cut].split(b"\n")[:-1]
        assert kept == sum(line[:1].isdigit() for line in lines)


def test_many_lines_are_read_in_bounded_batches(tmp_path: Path) -> None:
    lines = [
        PRIVATE.replace("2000 2100", f"{2000 + 10 * i} {2005 + 10 * i}") for i in range(70_000)
    ]
    path = log(tmp_path, HEADER + CREATE + "".join(lines))
    assert len(calls_of(path)) == 70_001


def test_real_losses_are_all_counted(recordings: Path) -> None:
    run = imported(recordings / "gmemfd" / "bpf.txt")
    assert run.result.lost_events == 357
    assert len(run.sink.losses) == 94
    events = run.sink.vms[0].events
    creates = events[events["kind"] == EventKind.GUEST_MEMFD]
    assert len(creates) + run.result.lost_events == 4162
    assert (creates["outcome"] == Outcome.FAILED).sum() > 3000
    assert run.sink.vms[0].identity.start_state == PageState.UNKNOWN  # it came to be in a gap
