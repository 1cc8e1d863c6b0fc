"""The supervised bpftrace: what it says, loses and dies of. A script stands in for the program."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from collector.recipes.bpftrace import PROGRAM, live_program
from collector.records import CALL, CallArray, CallCode
from collector.sources import bpftrace_child
from collector.sources.bpftrace_live import BpftraceLive
from collector.sources.live import HostCannot, SourceEnded

READY = 'echo "Attaching 8 probes..."; echo "# conv.bt v1; times"\n'
CALLS = """
line() { echo "$1 $(($1 + 100)) 7 7 vmm CREATE_VM fd=4 type=0 ret=$2"; }
now=$(python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))')
"""

MakeSource = Callable[[str], BpftraceLive]


@pytest.fixture
def source_of(tmp_path: Path) -> MakeSource:
    def make(script: str) -> BpftraceLive:
        command = tmp_path / "bpftrace"
        command.write_text("#!/bin/sh\n" + script)
        command.chmod(0o755)
        return BpftraceLive(command=str(command))

    return make


def calls_of(source: BpftraceLive, seconds: float = 1.5) -> CallArray:
    """What it gives within that time; all times in order and none before `reached_ns`."""
    stop, calls, reached = Event(), [np.zeros(0, CALL)], 0
    ends = time.monotonic() + seconds
    with source:
        source.start(stop)
        for batch in source.batches(stop):
            assert (batch.calls["ts_exit"] >= reached).all()
            assert (batch.calls["ts_exit"] <= batch.reached_ns).all()
            reached = batch.reached_ns
            calls.append(batch.calls)
            if time.monotonic() > ends:
                stop.set()
    everything = np.concatenate(calls)
    assert (np.diff(everything["ts_exit"].astype(np.int64)) >= 0).all()
    return everything


def test_lines_of_two_cpus_come_in_order(source_of: MakeSource) -> None:
    lines = "line $((now + 5000)) 6; line $((now + 1000)) 5\n"
    calls = calls_of(source_of(READY + CALLS + lines + "exec sleep 30"))
    assert calls["ret"].tolist() == [5, 6]


def test_lost_events_make_a_gap_from_what_was_settled_on(source_of: MakeSource) -> None:
    said = "$(line $now 5; echo Lost 12 events; line $((now + 9000)) 6)"
    calls = calls_of(source_of(READY + CALLS + f'echo "{said}"; exec sleep 30'))
    codes = [CallCode(int(code)) for code in calls["code"]]
    assert codes == [
        CallCode.LOSS_BEGIN,
        CallCode.CREATE_VM,
        CallCode.LOSS_END,
        CallCode.CREATE_VM,
    ]
    begin, end = calls[0], calls[2]
    assert (begin["v"][0], end["v"][0]) == (12, 12)
    assert (begin["v"][1], end["v"][1]) == (end["ts_exit"], begin["ts_exit"])


def test_call_that_comes_too_late_is_a_loss(source_of: MakeSource) -> None:
    script = READY + CALLS + "line $now 5; sleep 0.8; line $((now - 1000)) 6; exec sleep 30"
    calls = calls_of(source_of(script))
    assert calls["code"].tolist() == [CallCode.CREATE_VM, CallCode.LOSS_BEGIN, CallCode.LOSS_END]
    assert calls["v"][1, 0] == 1


def test_refusal_is_told_in_its_own_words(source_of: MakeSource) -> None:
    with (
        source_of("echo 'ERROR: Could not resolve symbol' >&2; exit 1") as source,
        pytest.raises(HostCannot, match="refused to start: ERROR: Could not resolve symbol"),
    ):
        source.start(Event())


def test_death_is_told_after_its_calls(source_of: MakeSource) -> None:
    source, calls = source_of(READY + CALLS + "line $now 5; exit 7"), []
    with source:
        source.start(Event())
        with pytest.raises(SourceEnded, match="bpftrace ended with status 7"):
            for batch in source.batches(Event()):
                calls += batch.calls["ret"].tolist()
    assert calls == [5]


def test_silence_is_taken_for_a_hang(
    source_of: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bpftrace_child, "SILENCE_S", 0.5)
    monkeypatch.setattr(bpftrace_child, "START_TIMEOUT_S", 0.4)
    with source_of(READY + "exec sleep 30") as source:
        source.start(Event())
        with pytest.raises(SourceEnded, match="hangs"):
            list(source.batches(Event()))
    with (
        source_of("echo loading; exec sleep 30") as source,
        pytest.raises(HostCannot, match="not ready after 0 s: loading"),
    ):
        source.start(Event())


def test_missing_program_is_named() -> None:
    with pytest.raises(HostCannot, match="install the package bpftrace"):
        BpftraceLive(command="no-such-bpftrace").start(Event())


def test_program_for_processes_filters_every_entry() -> None:
    program = live_program([7, 8])
    entries = program.split("tracepoint:syscalls:sys_enter_")[1:]
    assert len(entries) == PROGRAM.count("tracepoint:syscalls:sys_enter_")
    assert all(entry.split("\n")[1].startswith("/(pid == 7 || pid == 8)") for entry in entries)
