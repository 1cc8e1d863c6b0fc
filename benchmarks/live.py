"""Watch conversions live, beside bpftrace's text and trace_pipe's: CPU, loss, and what it slows.

    python -m benchmarks.live [--quick]

One program asks KVM for conversions at 10,000 and 100,000 a second and as fast as it can; those
that watch it take turns. CPU is that of the whole tree of processes, from when it is ready until
it has caught up: of `gmemscope collect` that is decoding, attribution, page map and SQLite, of the
peers splitting lines and counting. A call is two kernel events, its entry and its return.
`gmemscope collect --armed` is not triggered: nobody reads what the kernel's buffers hold.
"""

import argparse
import json
import math
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
ARMED = "gmemscope, armed"
NEVER = "1e12"
"""Conversions per second that would trigger it."""
READY = ("ready", "begun", "armed; ")
"""One of these is in the line by which a watcher reports that it watches."""
SAMPLES, IDLE_SAMPLES, SAMPLE_S = 20, 5, 0.05
"""It idles when any of its threads runs in so many samples at most: all of them poll."""
PATIENCE_S = 120.0


class Load(NamedTuple):
    """Calls a second, and for how long."""

    rate: int
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.rate:,} calls/s" if self.rate else "flat out"


class Seen(NamedTuple):
    """Calls that it saw, events that it says were lost, and in how many stretches of time."""

    calls: int
    told_lost: int
    told_gaps: int


class Turn(NamedTuple):
    """What one load did under one watcher. Seconds, of the watcher; ns, of the traced program."""

    calls: int
    elapsed: float
    call_ns: float
    cpu: float  # until it had caught up
    cpu_meanwhile: float  # until the program had made its calls
    seen: int
    told_lost: int
    told_gaps: int

    @property
    def cpu_per_call(self) -> float:
        """Of the calls that it saw: what was lost cost it nothing."""
        return self.cpu / max(1, self.seen)

    @property
    def share_not_seen(self) -> float:
        return (self.calls - self.seen) / self.calls


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
        stream = self._process.stdout if name in PEERS else self._process.stderr
        assert stream is not None
        heard = ""
        while not any(word in heard for word in READY):
            line = stream.readline()
            if not line:
                raise RuntimeError(f"{name} did not start: {heard}")
            heard += line

    def _command(self, pid: int) -> list[str]:
        if self.name in PEERS:
            return [sys.executable, "-m", "benchmarks.live_peers", PEERS[self.name], str(pid)]
        options = ["--json", "--pid", str(pid), "--database", str(self._database)]
        if self.name == ARMED:
            return [str(GMEMSCOPE), "collect", "--armed", "--trigger-rate", NEVER, *options]
        return [str(GMEMSCOPE), "collect", "--source", OURS[self.name], *options]

    def cpu(self) -> float:
        """Seconds so far, of the whole tree."""
        return 0.0 if self._process is None else sum(map(ticks, tree(self._process.pid))) / TICKS

    def catch_up(self) -> None:
        """Wait until it idles: that it gets little CPU may also mean that others get it."""
        deadline = time.monotonic() + PATIENCE_S
        while self._process is not None and time.monotonic() < deadline:
            busy = 0
            for _ in range(SAMPLES):
                time.sleep(SAMPLE_S)
                busy += any(map(is_running, tree(self._process.pid)))
            if busy <= IDLE_SAMPLES:
                return

    def end(self) -> dict[int, Seen]:
        """fd of the VM -> what it saw of it."""
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
            return {int(fd): Seen(count, 0, 0) for fd, count in counts.items()}
        return {} if self.name == ARMED else stored(self._database)


def stored(database: Path) -> dict[int, Seen]:
    """Each load has a VM of its own, and what was lost until the next one began."""
    with sqlite3.connect(database) as connection:
        vms = connection.execute(
            "select vm_fd, requested, created_t from vm where vm_fd > 0 order by created_t"
        ).fetchall()
        losses = connection.execute("select to_t, coalesce(count, 0) from loss").fetchall()
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    ends = [created_t for _, _, created_t in vms[1:]] + [math.inf]
    found = {}
    for (fd, requested, created_t), end in zip(vms, ends, strict=True):
        own = [count for to_t, count in losses if created_t <= to_t < end]
        found[fd] = Seen(requested, sum(own), len(own))
    return found


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            pids += map(int, task.read_text().split())
    return pids


def is_running(pid: int) -> bool:
    """Whether any of its threads runs or waits for a CPU."""
    states = [stat(path)[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return "R" in states


def stat(path: Path) -> list[str]:
    """The fields behind the command, whose name may hold anything; of a thread that is gone: Z."""
    try:
        return path.read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return ["Z"]


def ticks(pid: int) -> int:
    """User and system time so far, that of children it waited for included."""
    return sum(map(int, stat(Path(f"/proc/{pid}/stat"))[11:15]))


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
        seen = counts.get(int(result["fd"]), Seen(0, 0, 0))
        times = result["elapsed"], result["call_ns"], cpu, meanwhile
        turns.append(Turn(int(result["calls"]), *times, *seen))
    return turns


def row(name: str, turns: list[Turn], costs: dict[str, list[Turn]]) -> list[str]:
    """Medians over the turns; of what was lost, the worst turn."""
    done = f"{median(turn.calls / turn.elapsed for turn in turns):,.0f}"
    call_ns = median(turn.call_ns for turn in turns)
    if name == NOBODY:
        return [name, done, f"{call_ns:.0f} ns", *[""] * (len(PEERS) + 4)]
    slower = median(
        turn.call_ns - base.call_ns for turn, base in zip(turns, costs[NOBODY], strict=True)
    )
    meanwhile = f"{median(100 * turn.cpu_meanwhile / turn.elapsed for turn in turns):.1f} %"
    if name == ARMED:
        cost = f"{call_ns:.0f} ns ({slower:+.0f})"
        return [name, done, cost, "", meanwhile, "not read", "", *[""] * len(PEERS)]
    told = f"{max(turn.told_lost for turn in turns):,} in {max(turn.told_gaps for turn in turns)}"
    return [
        name,
        done,
        f"{call_ns:.0f} ns ({slower:+.0f})",
        f"{median(turn.cpu_per_call for turn in turns) * 1e6:.2f} us",
        meanwhile,
        f"{100 * max(turn.share_not_seen for turn in turns):.2f} %",
        told if name in OURS else "not told",
        *(ratio(turns, costs[peer]) if peer in costs else "" for peer in PEERS),
    ]


def ratio(turns: list[Turn], peer: list[Turn]) -> str:
    """How often our CPU per call goes into the peer's."""
    pairs = zip(turns, peer, strict=True)
    return f"{median(b.cpu_per_call / a.cpu_per_call for a, b in pairs):.1f}x"


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
    watchers = [NOBODY, *PEERS, *OURS, ARMED]
    if shutil.which("bpftrace") is None:
        print("bpftrace is not installed: it is left out")
        watchers = [name for name in watchers if "bpftrace" not in name]
    costs: dict[str, list[list[Turn]]] = {name: [] for name in watchers}
    for _ in range(turns):
        for name in watchers:
            costs[name].append(watch(name, loads))
    heads = ["watched by", "calls/s", "one call", "CPU per call seen", "of one core", "not seen"]
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
