"""What a view costs the server, however long the recording: 10^6, 10^7, 10^8 conversions.

    python -m benchmarks.scale [--quick | --full] [--keep FOLDER]

Recordings of `simulate load`: a 1 TiB guest, fragmented, 100,000 conversions a second. Windows of
the map are asked of one server process for each row, so that the application has nothing cached of
the first (the files are in the system's cache, as after any write); of other views, each has a
process of its own. A small recording in the same database was asked for the same before: its
answers load the code. The figures are CPU time of the server, user and system, of all its threads,
from before the request to after its answer; wall time would measure who else uses the machine.

With --keep recordings stay in the folder and are used again as long as the code that writes them is
the same.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks.measure import MIB, print_table
from benchmarks.scale_views import MEASURES, PAGE, VIEWS, Ask, Recording, View, vm
from benchmarks.served import Server, served

ROOT = Path(__file__).parents[1]
WRITTEN_BY = "app/compiled", "app/model", "app/store", "collector/simulator", "benchmarks"
READ_BY = "app/store/read"  # of these, what has no part in writing

SMALL_VM, VM = 1, 2
GAP_NS = 10_000  # from one conversion of `simulate load` to the next, on average
SIZES = {"quick": [10**5, 10**6], "default": [10**6, 10**7], "full": [10**6, 10**7, 10**8]}


GROWTH = 1.5
"""At most, from 10^7 to 10^8."""


class Costs(NamedTuple):
    """Of one view: milliseconds of CPU of each answer, and bytes of memory of the server."""

    cpu_ms: list[float]
    peak_rss: int

    @property
    def p95(self) -> float:
        return float(np.percentile(self.cpu_ms, 95))

    def cell(self) -> str:
        return f"{np.percentile(self.cpu_ms, 50):,.0f} / {self.p95:,.0f} / {self.cpu_ms[0]:,.0f}"


def measure(recording: Recording, view: View, count: int) -> Costs:
    questions = view.questions(recording, np.random.default_rng(5))
    asks = [next(questions) for _ in range(count)]
    if not view.is_cold:
        return ask_all(recording, asks)
    costs = [ask_all(recording, [ask]) for ask in asks]
    return Costs([ms for cost in costs for ms in cost.cpu_ms], max(c.peak_rss for c in costs))


def ask_all(recording: Recording, asks: Sequence[Ask]) -> Costs:
    """Of a new server."""
    with served(recording.database) as server:
        for ask in asks[: len(MEASURES)]:  # every measure, where they take turns
            cost_of(server, ask, SMALL_VM)
        cpu_ms = [cost_of(server, ask, VM) for ask in asks]
        return Costs(cpu_ms, server.peak_rss())


def cost_of(server: Server, ask: Ask, vm_id: int) -> float:
    began = server.cpu()
    for path in ask:
        server.get(path.format(vm=vm_id))
    return 1e3 * (server.cpu() - began)


def recorded(folder: Path, events: int) -> Recording:
    """The recording in the folder, made if it is not there, or if other code has made it."""
    database, notes = folder / f"{events}.db", folder / f"{events}.json"
    code = writing_code()
    if not notes.exists() or json.loads(notes.read_text())["code"] != code:
        notes.unlink(missing_ok=True)
        for file in folder.glob(f"{database.name}*"):
            file.unlink()
        command = [sys.executable, "-m", "benchmarks.scale_recording", str(events), str(database)]
        made = subprocess.run(command, check=True, capture_output=True, text=True)
        notes.write_text(json.dumps({**json.loads(made.stdout), "code": code}))
    found = json.loads(notes.read_text())
    return Recording(database, events, found["cpu"], found["bytes"], *explored(database, events))


def writing_code() -> str:
    """A digest of the sources that decide what is written."""
    digest = hashlib.sha256()
    for folder in WRITTEN_BY:
        pattern = "scale_recording.py" if folder == "benchmarks" else "**/*.py"
        for file in sorted((ROOT / folder).glob(pattern)):
            if not file.is_relative_to(ROOT / READ_BY):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def explored(database: Path, events: int) -> tuple[int, int, int, int, list[int]]:
    """When so many conversions began and ended, the VM's first gfn and the one after its last, and
    gfns of some conversions."""
    with served(database) as server:
        drawn = json.loads(server.get(vm("raster", width=1, height=512).format(vm=VM)))
        bands, end_t = drawn["bands"], drawn["to"]
        first, end = int(bands[0]["gpa_from"], 16) // PAGE, int(bands[-1]["gpa_to"], 16) // PAGE
        from_t = end_t - events * GAP_NS
        instants = np.random.default_rng(3).integers(from_t, end_t, 40).tolist()
        found = [event["gfn"] for at in instants for event in conversions(server, at, 5)]
    return from_t, end_t, first, end, found


def conversions(server: Server, from_t: int, count: int) -> list[dict[str, int]]:
    query = vm("events", **{"from": from_t, "limit": count, "kind": "conversion"})
    items: list[dict[str, int]] = json.loads(server.get(query.format(vm=VM)))["items"]
    return items


@contextmanager
def folder_of(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with TemporaryDirectory(prefix="gmemscope-bench-") as name:
            yield Path(name)
        return
    kept.mkdir(parents=True, exist_ok=True)
    yield kept


def growths(values: Sequence[float]) -> list[str]:
    return [f"{after / before:.2f}x" for before, after in pairwise(values)]


def row(view: View, costs: Sequence[Costs], *, is_full: bool) -> list[str]:
    p95 = [cost.p95 for cost in costs]
    verdict = ""
    if is_full:
        is_kept = p95[-1] <= view.budget_ms and p95[-1] <= GROWTH * p95[-2]
        verdict = "kept" if is_kept else "not kept"
    cells = [cost.cell() for cost in costs]
    return [view.name, *cells, *growths(p95), f"{view.budget_ms:.0f} ms", verdict]


def print_writing(recordings: Sequence[Recording]) -> None:
    rates = [recording.events / recording.cpu for recording in recordings]
    sizes = [recording.bytes / recording.events for recording in recordings]
    heads = ["write", *(f"{recording.events:,}" for recording in recordings)]
    rows = [
        ["conversions per CPU-second", *(f"{rate / 1e6:.2f} M" for rate in rates), "2 M"],
        ["bytes per event", *(f"{size:.1f}" for size in sizes), "10"],
    ]
    print_table([*heads, "budget"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="10^5 and 10^6 conversions, few views")
    sizes.add_argument("--full", action="store_true", help="10^8 conversions too: minutes, 1.2 GB")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where recordings stay")
    options = parser.parse_args()
    chosen = "quick" if options.quick else "full" if options.full else "default"
    with folder_of(options.keep) as folder:
        recordings = [recorded(folder, events) for events in SIZES[chosen]]
        print_writing(recordings)
        print_views(recordings, options.quick, is_full=options.full)


def print_views(recordings: Sequence[Recording], is_quick: bool, *, is_full: bool) -> None:
    """Measure view after view; of those that need a server each time, fewer."""
    rows, peaks = [], [0] * len(recordings)
    for view in VIEWS:
        few, many = (len(MEASURES), 10) if is_quick else (2 * len(MEASURES), 30)
        count = few if view.is_cold else many
        costs = [measure(recording, view, count) for recording in recordings]
        peaks = [max(peak, cost.peak_rss) for peak, cost in zip(peaks, costs, strict=True)]
        rows.append(row(view, costs, is_full=is_full))
        print(f"  {view.name}: {'; '.join(cost.cell() for cost in costs)}", flush=True)
    steps = [f"to {recording.events:,}" for recording in recordings[1:]]
    sizes = [f"{recording.events:,}, p50 / p95 / first" for recording in recordings]
    print("\nCPU of the server, ms")
    print_table(["view", *sizes, *steps, "p95 at 10^8", f"and growth < {GROWTH}x"], rows)
    print("peak memory of a server: " + ", ".join(f"{peak / MIB:.0f} MiB" for peak in peaks))


if __name__ == "__main__":
    main()
