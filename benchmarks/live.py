"""Watch conversions live, beside bpftrace's text and trace_pipe's: CPU, loss, and what it slows.

    python -m benchmarks.live [--quick]

One program asks KVM for conversions at 10,000 and 100,000 a second and as fast as it can; those
that watch it take turns. CPU is that of the whole tree of processes, from when it is ready until
it has caught up: of `gmemscope collect` that is decoding, attribution, page map and SQLite, of the
peers splitting lines and counting. A call is two kernel events, its entry and its return.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.measure import print_table

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
TICKS = os.sysconf("SC_CLK_TCK")
FLAT_OUT = 0
NOBODY = "nobody"
PEERS = {"bpftrace printf": "bpftrace", "trace_pipe, regex": "trace-pipe"}
OURS = {"gmemscope, bpftrace": "bpftrace", "gmemscope, tracefs": "tracefs"}
CAUGHT_UP_TICKS = 10  # in half a second: a fifth of a core
PATIENCE_S = 120.0


class Load(NamedTuple):
    """Calls a second, and for how long."""

    rate: int
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.rate:,} calls/s" if self.rate else "flat out"


class Turn(NamedTuple):
    """What one load did under one watcher. Seconds, of the watcher; ns, of the traced program."""

    calls: int
    elapsed: float
    call_ns: float
    cpu: float  # until it had caught up
    cpu_meanwhile: float  # until the program had made its calls
    seen: int
    told_lost: int


class Program:
    """The traced program."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def play(self, load: Load) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{load.rate} {load.seconds}\n")
        self.process.stdin.flush()
        return dict(json.loads(self._line()))

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.communicate()


class Watcher:
    """A running watcher of a process; `NOBODY` is none."""

    def __init__(self, name: str, pid: int, folder: Path) -> None:
        self.name = name
        self._database = folder / "live.db"
        self._process: subprocess.Popen[str] | None = None
        if name == NOBODY:
            return
        self._process = subprocess.Popen(
            self._command(pid), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        stream = self._process.stderr if name in OURS else self._process.stdout
        assert stream is not None
        heard = ""
        while "ready" not in heard and "begun" not in heard:
            line = stream.readline()
            if not line:
                raise RuntimeError(f"{name} did not start: {heard}")
            heard += line

    def _command(self, pid: int) -> list[str]:
        if self.name in PEERS:
            return [sys.executable, "-m", "benchmarks.live_peers", PEERS[self.name], str(pid)]
        options = ["--json", "--pid", str(pid), "--database", str(self._database)]
        return [str(GMEMSCOPE), "collect", "--source", OURS[self.name], *options]

    def cpu(self) -> float:
        """Seconds so far, of the whole tree."""
        return 0.0 if self._process is None else sum(map(ticks, tree(self._process.pid))) / TICKS

    def catch_up(self) -> None:
        """Wait until it idles."""
        deadline, idle = time.monotonic() + PATIENCE_S, 0
        while self._process is not None and idle < 2 and time.monotonic() < deadline:
            before = self.cpu()
            time.sleep(0.5)
            is_idle = (self.cpu() - before) * TICKS <= CAUGHT_UP_TICKS
            idle = idle + 1 if is_idle else 0

    def end(self) -> dict[int, tuple[int, int]]:
        """fd of the VM -> (calls that it saw, events that it says were lost)."""
        if self._process is None:
            return {}
        if self.name in PEERS:
            for pid in tree(self._process.pid)[1:]:
                os.kill(pid, signal.SIGINT)
        self._process.send_signal(signal.SIGTERM)
        output, errors = self._process.communicate(timeout=PATIENCE_S)
        if self._process.returncode:
            raise RuntimeError(f"{self.name} failed: {errors}")
        if self.name in PEERS:
            counts = json.loads(output.splitlines()[-1])
            return {int(fd): (count, 0) for fd, count in counts.items()}
        return stored(self._database)


def stored(database: Path) -> dict[int, tuple[int, int]]:
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select vm_fd, requested, lost_events from vm where vm_fd > 0")
        counts = {fd: (requested, lost) for fd, requested, lost in rows}
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    return counts


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            pids += map(int, task.read_text().split())
    return pids


def ticks(pid: int) -> int:
    """User and system time so far, that of children it waited for included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return sum(map(int, fields[11:15]))


@contextmanager
def program() -> Iterator[Program]:
    running = Program()
    try:
        yield running
    finally:
        running.close()


def watch(name: str, loads: list[Load]) -> list[Turn]:
    """One turn of a watcher, with each load in order."""
    with TemporaryDirectory(prefix="gmemscope-bench-") as folder, program() as traced:
        watcher = Watcher(name, traced.process.pid, Path(folder))
        played = []
        for load in loads:
            watcher.catch_up()
            before = watcher.cpu()
            result = traced.play(load)
            meanwhile = watcher.cpu() - before
            watcher.catch_up()
            played.append((result, watcher.cpu() - before, meanwhile))
        counts = watcher.end()
    turns = []
    for result, cpu, meanwhile in played:
        seen, lost = counts.get(int(result["fd"]), (0, 0))
        calls = int(result["calls"])
        times = result["elapsed"], result["call_ns"], cpu, meanwhile
        turns.append(Turn(calls, *times, seen, lost))
    return turns


def typical(turns: list[Turn]) -> Turn:
    """The median of each column."""
    columns = [median(column) for column in zip(*turns, strict=True)]
    return Turn._make(columns)


def row(name: str, turns: list[Turn], costs: dict[str, list[Turn]]) -> list[str]:
    turn, base = typical(turns), typical(costs[NOBODY])
    done = f"{turn.calls / turn.elapsed:,.0f}"
    if name == NOBODY:
        return [name, done, f"{turn.call_ns:.0f} ns", *[""] * (len(PEERS) + 4)]
    ratios = [
        f"{median(per_call(b) / per_call(a) for a, b in zip(turns, costs[peer], strict=True)):.1f}x"
        if peer in costs
        else ""
        for peer in PEERS
    ]
    return [
        name,
        done,
        f"{turn.call_ns:.0f} ns ({turn.call_ns - base.call_ns:+.0f})",
        f"{per_call(turn) * 1e6:.2f} us",
        f"{100 * turn.cpu_meanwhile / turn.elapsed:.1f} %",
        f"{100 * (turn.calls - turn.seen) / turn.calls:.2f} %",
        f"{turn.told_lost:,.0f}" if name in OURS else "not told",
        *ratios,
    ]


def per_call(turn: Turn) -> float:
    return turn.cpu / turn.calls


def missing() -> str | None:
    """Why this machine cannot run it, if it cannot."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "needs /dev/kvm"
    if not os.access("/sys/kernel/tracing/instances", os.W_OK):
        return "needs a writable tracefs"
    return None


def measure(loads: list[Load], turns: int) -> None:
    watchers = [NOBODY, *PEERS, *OURS]
    if shutil.which("bpftrace") is None:
        print("bpftrace is not installed: it is left out")
        watchers = [name for name in watchers if "bpftrace" not in name]
    costs: dict[str, list[list[Turn]]] = {name: [] for name in watchers}
    for _ in range(turns):
        for name in watchers:
            costs[name].append(watch(name, loads))
    heads = ["watched by", "calls/s", "one call", "CPU per call", "of one core", "not seen"]
    heads += ["lost, as told", *(f"CPU of {peer}" for peer in PEERS)]
    for i, load in enumerate(loads):
        of_load = {name: [turn[i] for turn in costs[name]] for name in watchers}
        print(f"\n{load.name} for {load.seconds:.0f} s, {turns} turns", flush=True)
        print_table(heads, [row(name, of_load[name], of_load) for name in watchers])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one turn of a few seconds each")
    is_quick = parser.parse_args().quick
    reason = missing()
    if reason is not None:
        print(f"live: left out, {reason}")
        return
    if is_quick:
        measure([Load(10_000, 3), Load(100_000, 3), Load(FLAT_OUT, 1)], turns=1)
    else:
        measure([Load(10_000, 10), Load(100_000, 60), Load(FLAT_OUT, 3)], turns=3)


if __name__ == "__main__":
    main()
