"""The log of the recipe's bpftrace program: what its lines mean, and what becomes of damage."""

import random
from pathlib import Path

import numpy as np
import pytest

from app.model.guest import Cause, Certainty, EventKind, To
from app.store.protocol import Loss
from collector.codes import CallCode
from collector.importing import format_of
from collector.importing._bpftrace_log import BpftraceLog
from collector.recipes import FIRST_LINE
from collector.records import CALL, CallArray
from collector.trace.bpftrace import SHAPES, BpftraceReader, in_order
from collector.trace.bpftrace._lines import parsed
from collector.trace.errors import InputError
from tests.assemble.checks import imported

SEES = "causes conversions conversion-ranges fd-lifetimes hypercalls vm-creation"
HEADER = f"# host silver 6.12.0\nAttaching 6 probes...\n{FIRST_LINE}; times\n# watches {SEES}\n"
TICKS = "".join(f"T {0x100 + i} {cpu}\n" for i in range(3) for cpu in range(2))
WHO = "700000008"  # process 7, thread 8
CREATE = f"n {WHO} CPU 0/KVM\nV 1000 64 {WHO} 4 5 1\n"
PRIVATE = f"A 2000 64 {WHO} 5 0 10000 2000 8 0\n"
SHARED = f"A 3000 64 {WHO} 5 0 10000 2000 0 0\n"


def log(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "log.txt"
    path.write_text(text)
    return path


def calls_of(path: Path) -> CallArray:
    return np.concatenate([np.zeros(0, dtype=CALL), *BpftraceLog(path).batches()])


def test_line_tells_all_of_a_call(tmp_path: Path) -> None:
    path = log(tmp_path, HEADER + f"A 7d0 64 {WHO} 30100000005 fffffffffffffff2 1000 2000 8 1\n")
    assert format_of(path) == "bpftrace"
    call = calls_of(path)[0]
    assert (call["ts_enter"], call["ts_exit"], call["tgid"], call["tid"]) == (2000, 2100, 7, 8)
    assert (call["code"], call["cpu"]) == (CallCode.SET_ATTRIBUTES, 3)
    assert (call["fd"], call["ret"], call["vcpu"]) == (5, -14, -1)
    assert (call["cause"], call["cause_certainty"]) == (Cause.EXPLICIT, Certainty.SEEN)
    assert call["v"].tolist() == [0x1000, 0x2000, 8, 1, 0, 0, 0]


@pytest.mark.parametrize("expected", [Cause.VMM, Cause.EXPLICIT, Cause.IMPLICIT])
def test_cause_is_what_the_thread_came_back_with(tmp_path: Path, expected: Cause) -> None:
    cause = int(expected)
    line = f"A 2000 64 {WHO} {cause << 32 | 5:x} 0 10000 2000 8 0\n"
    told = calls_of(log(tmp_path, HEADER + line))[0]
    assert (told["cause"], told["cause_certainty"]) == (expected, Certainty.SEEN)
    untold = calls_of(log(tmp_path, HEADER.replace("causes ", "") + line))[0]
    assert (untold["cause"], untold["cause_certainty"]) == (Cause.NONE, Certainty.UNKNOWN)


def test_thread_that_ran_no_vcpu_in_view_may_have_been_asked_before(tmp_path: Path) -> None:
    told = calls_of(log(tmp_path, HEADER + PRIVATE))[0]
    assert (told["cause"], told["cause_certainty"]) == (Cause.VMM, Certainty.INFERRED)


def test_other_kinds_of_lines(tmp_path: Path) -> None:
    text = (
        f"S 1 1 {WHO} 5 ffffffffffffffea 400010001 1000 2000 7000 3000 ffffffff\n"
        f"Q 2 0 {WHO} 9 0\n"
        f"X 3 0 {WHO} 9 fffffffffffffff2\n"
        f"G 4 0 {WHO} 9 0 5000 14 3\n"
        f"O 5 0 {WHO} ffffffff 0 8 1\n"
        f"H 6 0 {WHO} 9 0 3000 1 10\n"
    )
    calls = calls_of(log(tmp_path, HEADER + text))
    assert [CallCode(int(code)).name for code in calls["code"]] == [
        "SET_REGION",
        "VCPU_RUN",
        "MEMORY_FAULT",
        "PAGE_FAULT",
        "PROCESS_EXIT",
        "HYPERCALL",
    ]
    region = [0x400010001, 0x1000, 0x2000, 0x7000, 0x3000, 2**64 - 1, 0]
    assert calls["v"][0].tolist() == region
    assert calls["fd"].tolist() == [5, 9, 9, 9, -1, 9]
    assert calls["ret"].tolist() == [-22, 0, -14, 0, 0, 0]
    assert (calls["v"][3].tolist()[:3], calls["vcpu"][3]) == ([0x5000, 0x14, 0], 3)
    assert calls["v"][5].tolist()[:4] == [0x3000, 1, 0x10, To.PRIVATE]


def test_close_range_is_a_call(tmp_path: Path) -> None:
    (call,) = calls_of(log(tmp_path, HEADER + f"W 1300 5 {WHO} 6 0 ffffffff\n"))
    assert (call["code"], call["fd"], call["ret"]) == (CallCode.CLOSE_RANGE, 6, 0)
    assert (call["ts_exit"], call["v"].tolist()[:2]) == (0x1305, [0xFFFFFFFF, 0])


def test_header_tells_host_and_coverage(tmp_path: Path) -> None:
    run = imported(log(tmp_path, HEADER + CREATE + PRIVATE))
    assert (run.header.host, run.header.kernel_release) == ("silver", "6.12.0")
    sees = BpftraceLog(tmp_path / "log.txt").sees()
    assert {name for name, is_seen in sees.items() if is_seen} == set(SEES.split())
    assert [vm.identity.name for vm in run.sink.vms] == ["CPU 0/KVM"]
    assert run.result.damage is None


def test_lost_events_lie_between_what_all_cpus_had_said_and_the_next_tick(tmp_path: Path) -> None:
    text = (
        TICKS
        + CREATE
        + PRIVATE
        + "T 2500 1\nLost 3 events\n"
        + SHARED
        + "T 2000 0\nT 4000 0\nT 4000 1\n"
    )
    run = imported(log(tmp_path, HEADER + text))
    start = run.header.clock_start_ns
    lost = Loss(0x2064 - start, 0x4000 - start, 3, None, "bpftrace")
    assert run.sink.losses == [lost]
    kinds = run.sink.vms[0].events["kind"].tolist()
    expected = [EventKind.CONVERSION, EventKind.LOSS_BEGIN, EventKind.CONVERSION]
    assert kinds == [*expected, EventKind.LOSS_END]


def test_after_the_last_word_of_a_cpu_anything_may_be_missing(tmp_path: Path) -> None:
    complete = HEADER + TICKS + CREATE + PRIVATE + "T 3000 0\nT 3000 1\n"
    assert imported(log(tmp_path, complete)).sink.losses == []
    run = imported(log(tmp_path, complete + SHARED))
    start = run.header.clock_start_ns
    assert run.sink.losses == [Loss(0x3000 - start, 0x3064 - start, None, None, "bpftrace")]


def test_before_all_cpus_spoke_anything_may_be_lost(tmp_path: Path) -> None:
    run = imported(log(tmp_path, HEADER + CREATE + PRIVATE + "Lost 2 events\nT 3000 0\n"))
    assert [loss.from_t for loss in run.sink.losses] == [0]


@pytest.mark.parametrize(
    "line",
    [
        "A",
        "A ",
        PRIVATE[:-3],
        PRIVATE[:-1] + " 1",
        PRIVATE.replace("2000", "02000", 1)[:-1],
        PRIVATE.replace("2000", "", 1)[:-1],
        PRIVATE.replace("10000", "1000G")[:-1],
        PRIVATE.replace("10000", "1000A")[:-1],
        PRIVATE.replace("10000", "-1")[:-1],
        PRIVATE.replace("10000", "12345678901234567")[:-1],
        PRIVATE.replace(" 5 0", f" {4 << 32 | 5:x} 0")[:-1],
        PRIVATE.replace(WHO, "ffffffffffffffff")[:-1],
        PRIVATE.replace("A 2000", "A ffffffffffffffff")[:-1],
        PRIVATE.replace("A 2000", "Y 2000")[:-1],
        "T 1 2 3",
        "T 5 ffff",
        "nonsense",
        "2000 64 5",
        "n zz vmm",
        "\x00\x01",
    ],
)
def test_what_is_not_exactly_a_line_is_a_lost_call(tmp_path: Path, line: str) -> None:
    before = HEADER + TICKS + CREATE
    run = imported(log(tmp_path, f"{before}{line}\n{SHARED}T 4000 0\nT 4000 1\n"))
    assert run.result.damage is not None
    assert run.result.damage.offset == len(before)
    assert [loss.count for loss in run.sink.losses] == [1]
    assert len(run.sink.vms[0].conversions) == 1


@pytest.mark.parametrize("noise", ["", "@flush: 0", "WARNING: x", "# a comment", "Attaching 9 p"])
def test_what_bpftrace_says_besides_is_no_damage(tmp_path: Path, noise: str) -> None:
    run = imported(log(tmp_path, f"{HEADER}{CREATE}{noise}\n{PRIVATE}"))
    assert (run.result.damage, run.sink.losses) == (None, [])


def test_cut_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    run = imported(log(tmp_path, HEADER + CREATE + PRIVATE + SHARED[:-4]))
    assert run.result.damage is not None
    assert run.result.damage.offset == len(HEADER + CREATE + PRIVATE)
    assert run.sink.incomplete is not None and "cut off" in run.sink.incomplete
    assert len(run.sink.vms[0].conversions) == 1


def test_other_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="v9"):
        BpftraceLog(log(tmp_path, "# gmemscope.bt v9\n" + CREATE))


def test_pieces_of_any_size_are_the_same(tmp_path: Path) -> None:
    lines = [SHARED.replace("3000", f"{3000 + i}", 1) for i in range(200)]
    text = (HEADER + TICKS + CREATE + "Lost 2 events\n" + "".join(lines) + TICKS).encode()
    whole = BpftraceReader(Path("log"))
    whole.take(text)
    expected = in_order(whole.batch())
    for seed in range(20):
        choose, reader, at = random.Random(seed), BpftraceReader(Path("log")), 0
        while at < len(text):
            size = choose.randint(1, 300)
            reader.take(text[at : at + size])
            at += size
        assert (in_order(reader.batch()) == expected).all()
        assert reader.offset == len(text)


def test_damaged_bytes_are_always_noticed() -> None:
    """No byte that is changed changes a call silently into nothing."""
    lines = [PRIVATE.replace("2000", f"{2000 + i}", 1) for i in range(20)]
    text = bytearray((HEADER + "".join(lines)).encode())
    for seed in range(300):
        choose, damaged = random.Random(seed), bytearray(text)
        for _ in range(choose.randint(1, 4)):
            damaged[choose.randrange(len(HEADER), len(text))] = choose.randrange(256)
        reader = BpftraceReader(Path("log"))
        reader.take(bytes(damaged))
        reader.finish()
        calls = reader.batch()
        read = int((~np.isin(calls["code"], (CallCode.LOSS_BEGIN, CallCode.LOSS_END))).sum())
        told = [line for line in bytes(damaged[len(HEADER) :]).split(b"\n") if line]
        noise = sum(line[:1] in b"#@" for line in told)
        assert read + reader.unreadable + noise == len(told)


def compact(line: bytes) -> str:
    """A line of a conv.bt log as the recipe's program would have written it."""
    call = parsed(line)
    if call is None:
        return ""
    row = np.array([call.row], dtype=CALL)[0]
    name = call.name.decode()
    letter = next(letter for letter, shape in SHAPES.items() if shape.name == name)
    values = [int(v) for v in row["v"][: SHAPES[letter].values]]
    head = (
        int(row["ts_enter"]),
        int(row["ts_exit"] - row["ts_enter"]),
        int(row["tgid"]) << 32 | int(row["tid"]),
        int(row["fd"]) & 0xFFFFFFFF,
        int(row["ret"]) & (1 << 64) - 1,
    )
    text = letter + "".join(f" {number:x}" for number in (*head, *values)) + "\n"
    told = f"n {head[2]:x} {call.command.decode()}\n" if name == "CREATE_VM" else ""
    return told + text


def test_both_dialects_tell_the_same_of_a_real_recording(recordings: Path, tmp_path: Path) -> None:
    old = recordings / "convwork" / "bpf.txt"
    text = "".join(map(compact, old.read_bytes().split(b"\n")))
    new = log(tmp_path, f"{FIRST_LINE}\n# watches conversions vm-creation\n{text}")
    expected, calls = calls_of(old), calls_of(new)
    assert len(calls) == len(expected) > 800
    for column in ("ts_enter", "ts_exit", "tid", "tgid", "code", "flags", "fd", "ret", "v"):
        assert (calls[column] == expected[column]).all(), column
