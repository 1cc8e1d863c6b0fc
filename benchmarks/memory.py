"""How much memory the dashboard holds after so many random views of a recording.

    python -m benchmarks.memory [--quick] [--views N] [--database PATH] [--speed X]

First of a demo's guest that grows, by a simulator faster than real time, then of many conversions
of a 1 TiB guest. A view is what the explorer asks for of a random window of time and memory (a map
of a random measure and its picture, timeline, state, events) and one of the pages beside it in
turn: storms, a brief stretch, history of a page, backing, differences, hosts; now and then a whole
storm. Four are under way at a time. Memory is what the kernel counts (/proc/PID/smaps_rollup)
between views, and the peak (VmHWM) during them.
"""

import argparse
import json
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.measure import MIB, print_table

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
MEASURES = ("private", "conversions", "page_faults", "ping_pong", "mixed")
AT_ONCE = 4
SEED = 10
STORM_EVERY = 50
"""A storm of ten million calls takes a minute to be counted."""
STEPS = 8
"""Memory is read so often, after the start."""


class Memory(NamedTuple):
    """Bytes of one process, and what its caches hold of them; -1: it does not report that."""

    resident: int
    anonymous: int
    caches: int


class Guest(NamedTuple):
    """What a view may show."""

    end_t: int
    first_gpa: int
    end_gpa: int
    storms: tuple[str, ...]


class Dashboard:
    """A running server, and the one VM that it shows."""

    def __init__(self, pid: int, address: str) -> None:
        self._pid = pid
        self._address = address

    def get(self, path: str, **parameters: object) -> bytes:
        query = f"?{urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self._address}{path}{query}", timeout=600) as answer:
            content: bytes = answer.read()
        return content

    def memory(self) -> Memory:
        lines = Path(f"/proc/{self._pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.split()[0].rstrip(":"): int(line.split()[1]) << 10 for line in lines}
        return Memory(sizes["Rss"], sizes["Anonymous"], self._caches())

    def peak(self) -> int:
        """The most that its resident set was."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    def _caches(self) -> int:
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith("gmemscope_cache_bytes "):
                return int(float(line.split()[1]))
        return -1

    def guest(self) -> Guest:
        vm = json.loads(self.get("/api/v1/vms/1"))
        slots = json.loads(self.get("/api/v1/vms/1/memslots"))["items"]
        storms = json.loads(self.get("/api/v1/vms/1/storms"))["storms"]
        bases = [int(slot["gpa"], 16) for slot in slots]
        ends = [base + slot["size"] for base, slot in zip(bases, slots, strict=True)]
        return Guest(
            max(vm["span"][1], 1), min(bases), max(ends), tuple(storm["id"] for storm in storms)
        )


def random_window(choose: random.Random, guest: Guest) -> dict[str, int | str]:
    """1 to 100 % of the time, and of memory from 64 pages to all of it."""
    span = int(guest.end_t * choose.uniform(0.01, 1))
    from_t = choose.randrange(guest.end_t - span + 1)
    whole = guest.end_gpa - guest.first_gpa
    size = min(whole, int(64 * 4096 * (whole / (64 * 4096)) ** choose.random()))
    first = guest.first_gpa + choose.randrange(whole - size + 1) // 4096 * 4096
    return {
        "from": from_t,
        "to": from_t + max(span, 1),
        "gpa_from": hex(first),
        "gpa_to": hex(first + max(size // 4096, 1) * 4096),
    }


def view(dashboard: Dashboard, guest: Guest, number: int) -> None:
    """Ask for all that one view of the explorer shows, and for one other page."""
    choose = random.Random(f"{SEED} {number}")
    window, vm = random_window(choose, guest), "/api/v1/vms/1"
    gpa, at = window["gpa_from"], window["to"]
    brief = {"from": window["from"], "to": int(window["from"]) + max(guest.end_t // 50, 1)}
    drawn = json.loads(dashboard.get(f"{vm}/raster", **window, measure=choose.choice(MEASURES)))
    if drawn["image"]:
        dashboard.get(drawn["image"])
    dashboard.get(f"{vm}/timeline", **window)
    dashboard.get(f"{vm}/state", at=at, gpa_from=gpa, gpa_to=window["gpa_to"])
    dashboard.get(f"{vm}/events", **window)
    others: list[Callable[[], bytes]] = [
        partial(dashboard.get, f"{vm}/pages/{gpa}/history"),
        partial(dashboard.get, f"{vm}/storms"),
        partial(dashboard.get, f"{vm}/stretch", **brief),
        partial(dashboard.get, "/"),
        partial(dashboard.get, "/vms/1/backing", counted=1),
        partial(dashboard.get, "/diff", vm=1, a=window["from"], b=at),
    ]
    others[number % len(others)]()
    if guest.storms and number % STORM_EVERY == 0:
        dashboard.get(f"{vm}/storms/{choose.choice(guest.storms)}")


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[int]:
    """Run a command of gmemscope; yields its process id, and ends it."""
    process = subprocess.Popen(
        [str(GMEMSCOPE), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served(database: Path) -> Iterator[Dashboard]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(["serve", "--port", str(port), "--database", str(database)]) as pid:
        dashboard = Dashboard(pid, f"http://127.0.0.1:{port}")
        wait_until(lambda: dashboard.get("/healthz"))
        yield dashboard


def wait_until(answers: Callable[[], object], patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            answers()
            return
        except (OSError, LookupError, ValueError):  # not there yet, or not yet complete
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def walk(dashboard: Dashboard, views: int) -> list[tuple[int, Memory]]:
    """Memory at the start, and after each part of the views."""
    wait_until(dashboard.guest)
    read = [(0, dashboard.memory())]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for step in range(STEPS):
            part = range(views * step // STEPS, views * (step + 1) // STEPS)
            guest = dashboard.guest()  # of a VM that grows
            list(threads.map(partial(view, dashboard, guest), part))
            read.append((part.stop, dashboard.memory()))
    return read


def report(title: str, read: Sequence[tuple[int, Memory]], peak: int) -> None:
    print(f"\n{title}: {MIB_TEXT.format(peak / MIB)} resident at most")
    first = read[0][1].resident
    rows = [
        [
            f"{views:,}",
            *(MIB_TEXT.format(size / MIB) if size >= 0 else "-" for size in memory),
            f"{(memory.resident - first) / MIB:+.0f} MiB",
        ]
        for views, memory in read
    ]
    print_table(["views", "resident", "anonymous", "in caches", "growth"], rows)


MIB_TEXT = "{:.0f} MiB"


def static(database: Path, title: str, views: int) -> None:
    with served(database) as dashboard:
        read = walk(dashboard, views)
        report(title, read, dashboard.peak())


def growing(folder: Path, speed: float, views: int) -> None:
    database = folder / "growing.db"
    arguments = ["simulate", "--live", "--speed", str(speed), "--database", str(database)]
    with running(arguments):
        wait_until(database.stat)
        with served(database) as dashboard:
            begin = time.monotonic()
            read = walk(dashboard, views)
            minutes = (time.monotonic() - begin) * speed / 60
            size = database.stat().st_size / MIB
            title = f"demo that grew for {minutes:.0f} minutes to {size:.0f} MiB"
            report(title, read, dashboard.peak())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 M conversions, 200 views")
    parser.add_argument("--views", type=int, help="default: 1,000, quick 200")
    parser.add_argument("--database", type=Path, help="show VM 1 of this one, nothing else")
    parser.add_argument("--speed", type=float, default=8, help="of the demo; default: 8")
    options = parser.parse_args()
    events = 1_000_000 if options.quick else 10_000_000
    views = options.views or (200 if options.quick else 1000)
    with TemporaryDirectory(prefix="gmemscope-bench-") as name:
        if options.database:
            static(options.database, options.database.name, views)
            return
        growing(Path(name), options.speed, views)
        database = Path(name) / "load.db"
        load = ["simulate", "load", "--memory", "1TiB", "--events", str(events)]
        subprocess.run([GMEMSCOPE, *load, "--database", database], check=True, capture_output=True)
        static(database, f"{events:,} conversions of a 1 TiB guest", views)


if __name__ == "__main__":
    main()
