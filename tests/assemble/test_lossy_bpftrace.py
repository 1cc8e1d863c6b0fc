"""bpftrace tells late what it lost, and not of which CPU: what is said until then must be true."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from collector.assemble import Assembler
from collector.capture.bpftrace import BpftraceLive, _live as bpftrace_live
from collector.capture.bpftrace._host import HostProgram
from collector.capture.live import LiveOptions, Start
from collector.pairing import SyscallTracker
from collector.recipes._bpftrace import recipe
from tests.assemble.checks import imported
from tests.assemble.lossy_bpftrace import (
    BEGIN_NS,
    HEADER,
    TICK_NS,
    lines_of_calls,
    lines_of_guest,
    printed,
    slow,
    with_ticks,
)
from tests.assemble.lossy_guest import guest
from tests.assemble.memory_sink import MemorySink
from tests.assemble.test_lossy_recordings import known_and_wrong
from tests.assemble.truth_check import of_truths
from tests.assemble.truth_stream import processes_of, truth_records

SEEDS = range(30)
CPUS, LINES = 3, 6
Rounds = Iterator[tuple[int, str]]


class Played:
    """In place of the child: each reading is a round of printing, and takes until then."""

    def __init__(self, rounds: Rounds, begin_ns: int, stop: Event) -> None:
        self.now, self.bytes_read, self.is_behind = begin_ns, 0, False
        self._rounds = chain([(begin_ns, HEADER)], rounds)
        self._stop = stop

    def start(self, program: str, stop: Event) -> None:
        pass

    def kill(self) -> None:
        pass

    def read(self, stop: Event) -> bytes:
        told = next(self._rounds, None)
        if told is None:
            self._stop.set()
            self.now += TICK_NS
            told = self.now, "".join(f"T {self.now:x} {cpu:x}\n" for cpu in range(CPUS))
        self.now, text = told
        self.bytes_read += len(text)
        return text.encode()


def lived(rounds: Rounds, begin_ns: int, lines: int, monkeypatch: pytest.MonkeyPatch) -> MemorySink:
    """A live recording of what is printed."""
    stop = Event()
    child = Played(rounds, begin_ns, stop)
    start = Start(begin_ns, 0, "host", "6.12")
    monkeypatch.setattr(bpftrace_live, "BpftraceChild", lambda command: child)
    monkeypatch.setattr(bpftrace_live, "host_program", lambda wishes: HostProgram(recipe(), ()))
    monkeypatch.setattr(bpftrace_live, "online_cpus", lambda: list(range(CPUS)))
    monkeypatch.setattr(bpftrace_live, "_now", lambda: child.now)
    monkeypatch.setattr(Start, "now", classmethod(lambda cls, clock: start))
    monkeypatch.setattr(bpftrace_live, "buffer_pages", lambda: 1)
    monkeypatch.setattr(bpftrace_live, "_LARGEST_LINE", 4096 // lines)
    sink = MemorySink()
    with BpftraceLive(LiveOptions()) as source:
        source.start(stop)
        assembler = Assembler(sink, source.describe())
        for batch in source.batches(stop):
            if len(batch.calls):
                assembler.add(batch.calls)
            assembler.reached(batch.reached_ns)
        assembler.finish()
    return sink


@pytest.mark.parametrize("idle_ticks", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_live_recording_says_what_was(
    seed: int, idle_ticks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = guest(seed, calls=80)
    written = with_ticks(lines_of_guest(true, seed, CPUS), CPUS, idle_ticks=idle_ticks)
    sink = lived(printed(written, seed, CPUS, LINES), BEGIN_NS, LINES, monkeypatch)
    found = known_and_wrong(sink, slow(true), BEGIN_NS)
    assert (found["pages"] > 0, found["wrong"]) == (True, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_log_says_what_was(seed: int, tmp_path: Path) -> None:
    true = guest(seed, calls=80)
    written = with_ticks(lines_of_guest(true, seed, CPUS), CPUS)
    path = tmp_path / "log.txt"
    path.write_text(HEADER + "".join(text for _, text in printed(written, seed, CPUS, LINES)))
    run = imported(path)
    found = known_and_wrong(run.sink, slow(true), run.header.clock_start_ns)
    assert (found["pages"] > 0, found["wrong"]) == (True, 0)


@pytest.fixture(scope="module")
def vmms(recordings: Path) -> list[Path]:
    return sorted((recordings / "bpftrace-loss").glob("*.truth.jsonl"))


@pytest.mark.parametrize("seed", range(4))
def test_real_workload_is_what_it_was_in_a_lossy_live_recording(
    vmms: list[Path], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, pairing = truth_records(vmms, seed, CPUS), SyscallTracker()
    calls = np.concatenate((pairing.add(records), pairing.finish()))
    written = with_ticks(lines_of_calls(calls, processes_of(vmms)), CPUS)
    begin, lines = written[0][0] - 1, 60
    rounds = list(printed(written, seed, CPUS, lines))
    assert any("Lost " in text for _, text in rounds)
    sink = lived(iter(rounds), begin, lines, monkeypatch)
    found = of_truths(sink, vmms, begin)
    assert (found["known"] > 0, found["wrong"]) == (True, 0)


def test_buffers_do_lose_lines() -> None:
    lost = 0
    for seed in SEEDS:
        written = with_ticks(lines_of_guest(guest(seed), seed, CPUS), CPUS)
        lost += sum(text.count("Lost ") for _, text in printed(written, seed, CPUS, LINES))
    assert lost > 5 * len(SEEDS)
