"""The supervised bpftrace: what it says, loses and dies of. A script stands in for the program."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from collector.capture.bpftrace import (
    BpftraceLive,
    _child as bpftrace_child,
    _live as bpftrace_live,
)
from collector.capture.bpftrace._host import HostProgram
from collector.capture.live import HostCannot, LiveOptions, SourceEnded
from collector.codes import CallCode
from collector.recipes._bpftrace import recipe
from collector.records import CALL, CallArray

READY = 'echo "Attaching 8 probes..."; echo "# gmemscope.bt v2; times"\n'
CALLS = """
sleep 0.3
call() { printf 'V %x 64 700000007 %x %x 0\n' "$1" $((($2 << 40) + 4)) "$3"; }
tick() { printf 'T %x %x\n' "$1" "$2"; }
now=$(python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))')
later=$((now + 100000000))
alive() {
    while :; do
        read -r up rest < /proc/uptime
        for cpu in "$@"; do tick "${up%.*}${up#*.}0000000" "$cpu"; done
        sleep 0.1
    done
}
"""
"""`call TIME CPU RESULT` says that a VM was created, `tick TIME CPU` that a CPU said all,
`alive CPU...` that
they do so from now on."""

PATIENCE_S = 30.0
MakeSource = Callable[[str], BpftraceLive]


@pytest.fixture
def source_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSource:
    """A host of two CPUs with a script for bpftrace."""
    monkeypatch.setattr(bpftrace_live, "online_cpus", lambda: [0, 1])
    monkeypatch.setattr(bpftrace_live, "host_program", lambda options: HostProgram(recipe(), ()))

    def make(script: str) -> BpftraceLive:
        command = tmp_path / "bpftrace"
        command.write_text("#!/bin/sh\n" + script)
        command.chmod(0o755)
        return BpftraceLive(LiveOptions(), command=str(command))

    return make


def calls_of(source: BpftraceLive, count: int) -> CallArray:
    """So many rows as it gives them; all times in order and none before `reached_ns`."""
    stop, calls, reached = Event(), [np.zeros(0, CALL)], 0
    gives_up = time.monotonic() + PATIENCE_S
    with source:
        source.start(stop)
        for batch in source.batches(stop):
            assert (batch.calls["ts_exit"] >= reached).all()
            assert (batch.calls["ts_exit"] <= batch.reached_ns).all()
            reached = batch.reached_ns
            calls.append(batch.calls)
            if sum(map(len, calls)) >= count or time.monotonic() > gives_up:
                stop.set()
    everything = np.concatenate(calls)
    assert (np.diff(everything["ts_exit"].astype(np.int64)) >= 0).all()
    return everything


def test_lines_of_two_cpus_come_in_order(source_of: MakeSource) -> None:
    lines = "call $((now + 5000)) 0 6; call $((now + 1000)) 1 5; tick $later 0; tick $later 1\n"
    calls = calls_of(source_of(READY + CALLS + lines + "alive 0 1"), 2)
    assert calls["ret"].tolist() == [5, 6]


def test_no_time_is_claimed_before_every_probe_is_attached(source_of: MakeSource) -> None:
    lines = "call $((now - 5000000000)) 0 5; call $later 0 6; tick $later 1\n"
    source = source_of("sleep 0.5\n" + READY + CALLS + lines + "alive 0 1")
    made = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    calls = calls_of(source, 1)
    assert source.describe().clock_start_ns - made > 400_000_000
    assert calls["ret"].tolist() == [6]


def test_call_waits_until_every_cpu_has_said_all(source_of: MakeSource) -> None:
    source, stop = source_of(READY + CALLS + "call $now 0 5; sleep 1; alive 0 1"), Event()
    waited = 0
    with source:
        source.start(stop)
        for batch in source.batches(stop):
            if len(batch.calls):
                assert batch.calls["ret"].tolist() == [5]
                stop.set()
            waited += source.bytes_read > 60 and not stop.is_set()
    assert waited > 1


def test_cpu_that_comes_online_is_not_recorded(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, online = source_of(READY + CALLS + "alive 0 1"), [0, 1]
    monkeypatch.setattr(bpftrace_live, "online_cpus", lambda: list(online))
    with source:
        source.start(Event())
        with pytest.raises(SourceEnded, match="CPU 2 came online"):
            online.extend(2 for _ in source.batches(Event()))


def test_end_that_is_not_reached_is_known(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bpftrace_live, "END_TIMEOUT_S", 0.5)
    stop = Event()
    with source_of(READY + CALLS + "tick $((now - 1000000000)) 0; exec sleep 30") as source:
        source.start(stop)
        with pytest.raises(SourceEnded, match="too far behind"):
            for _ in source.batches(stop):
                stop.set()


def test_cpu_that_says_nothing_is_not_waited_for_for_ever(source_of: MakeSource) -> None:
    lines = "call $now 0 5; tick $((now + 400000000)) 0; sleep 1; call $now 1 6; alive 0"
    calls = calls_of(source_of(READY + CALLS + lines), 3)
    assert calls["code"].tolist() == [CallCode.CREATE_VM, CallCode.LOSS_BEGIN, CallCode.LOSS_END]
    assert calls["v"][1, 0] == 1


def test_lost_events_make_a_gap_from_what_all_had_said(source_of: MakeSource) -> None:
    rounds = "for i in 1 2 3; do for c in 0 1; do tick $((now + i * 1000000)) $c; done; done\n"
    lines = "echo Lost 12 events; call $((now + 5000000)) 1 6; tick $later 0\n"
    calls = calls_of(source_of(READY + CALLS + rounds + lines + "alive 0 1"), 3)
    codes = [CallCode(int(code)) for code in calls["code"]]
    assert codes == [CallCode.LOSS_BEGIN, CallCode.CREATE_VM, CallCode.LOSS_END]
    begin, end = calls[0], calls[2]
    assert end["ts_exit"] - begin["ts_exit"] == 97_000_000
    assert (begin["v"][0], end["v"][0]) == (12, 12)
    assert (begin["v"][1], end["v"][1]) == (end["ts_exit"], begin["ts_exit"])


def test_loss_that_is_told_late_begins_where_its_cpu_spoke_last(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU 1 fills its buffer, and tells what it lost only with the next it has to say."""
    monkeypatch.setattr(bpftrace_live, "buffer_pages", lambda: 1)
    monkeypatch.setattr(bpftrace_live, "_LARGEST_LINE", 400)  # ten lines, that is
    rounds = "for i in 1 2 3; do for c in 0 1; do tick $((now + i * 1000)) $c; done; done\n"
    full = "i=0; while [ $i -lt 12 ]; do call $((now + 9000 + i)) 1 5; i=$((i + 1)); done\n"
    others = "for i in 1 2 3 4; do tick $((now + i * 400000000)) 0; sleep 0.3; done\n"
    late = "echo Lost 88 events; call $((now + 1500000000)) 1 6; tick $((now + 1700000000)) 0\n"
    source = source_of(READY + CALLS + rounds + full + others + late + "alive 0 1")
    calls = calls_of(source, 15)
    (begin,) = calls[calls["code"] == CallCode.LOSS_BEGIN]
    (end,) = calls[calls["code"] == CallCode.LOSS_END]
    last = calls[calls["ret"] == 5]["ts_exit"][-1]
    assert last - 20_000_000 <= begin["ts_exit"] <= last
    assert begin["v"][0] == 88
    assert end["ts_exit"] >= calls[calls["ret"] == 6]["ts_exit"][0]


def test_cpu_that_is_read_late_is_waited_for(source_of: MakeSource) -> None:
    """bpftrace was busy for two seconds, and has printed of one CPU only."""
    lines = "sleep 2; call $now 0 5; tick $((now + 2000000000)) 0; sleep 0.8\n"
    lines += "call $((now + 1000)) 1 6\n"
    calls = calls_of(source_of(READY + CALLS + lines + "alive 0 1"), 2)
    assert calls["ret"].tolist() == [5, 6]


def test_line_that_is_none_is_a_loss(source_of: MakeSource) -> None:
    lines = "echo V 12 xyz; tick $later 0\n"
    calls = calls_of(source_of(READY + CALLS + lines + "alive 0 1"), 2)
    assert calls["code"].tolist() == [CallCode.LOSS_BEGIN, CallCode.LOSS_END]


def test_refusal_is_told_in_its_own_words(source_of: MakeSource) -> None:
    with (
        source_of("echo 'ERROR: Could not resolve symbol' >&2; exit 1") as source,
        pytest.raises(HostCannot, match="refused to start: ERROR: Could not resolve symbol"),
    ):
        source.start(Event())


def test_death_is_told_after_its_calls(source_of: MakeSource) -> None:
    source, calls = source_of(READY + CALLS + "call $now 0 5; exit 7"), []
    with source:
        source.start(Event())
        with pytest.raises(SourceEnded, match="bpftrace ended with status 7"):
            for batch in source.batches(Event()):
                calls += batch.calls["code"].tolist()
    # What another CPU did before is not known.
    assert calls == [CallCode.LOSS_BEGIN, CallCode.LOSS_END, CallCode.CREATE_VM]


def test_silence_is_taken_for_a_hang(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bpftrace_child, "SILENCE_S", 0.5)
    with source_of(READY + "exec sleep 30") as source:
        source.start(Event())
        with pytest.raises(SourceEnded, match="hangs"):
            list(source.batches(Event()))
    monkeypatch.setattr(bpftrace_child, "START_TIMEOUT_S", 3.0)
    with (
        source_of("echo loading >&2; exec sleep 30") as source,
        pytest.raises(HostCannot, match="not ready after 3 s: loading"),
    ):
        source.start(Event())


def test_missing_program_is_named() -> None:
    with pytest.raises(HostCannot, match="install the package bpftrace"):
        bpftrace_child.BpftraceChild("no-such-bpftrace").start("", Event())


def test_large_output_comes_whole(source_of: MakeSource) -> None:
    lines = "i=0; while [ $i -lt 20000 ]; do call $((now + i)) 0 5; i=$((i + 1)); done\n"
    calls = calls_of(source_of(READY + CALLS + lines + "alive 0 1"), 20000)
    assert len(calls) == 20000
