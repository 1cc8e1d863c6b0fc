"""Decode and import a trace.dat of millions of events, side by side with `trace-cmd report`.

    python -m benchmarks.import_trace [--quick]

Every figure is of a whole process, from the start of the interpreter to its exit, on the same file
in the same run; the programs take turns, and ratios are medians over the turns. The first peer
formats text, the only form in which trace-cmd hands events on; the second also makes rows of it
(benchmarks.report_to_rows), as one would without gmemscope. What an import costs before its first
event is that of the small recording whose parts were repeated; the rest, divided, is that of an
event.
"""

import argparse
import json
import lzma
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.measure import MIB, Cost, print_table, ratios, run, typical

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
ROOT = Path(__file__).parents[1]


class Input(NamedTuple):
    """A recording to repeat parts of, its ground truth, and the kind of file to write."""

    name: str
    recording: str  # in docs/examples
    truth: str  # in tests/recordings
    version: int
    compression: str


TRACEPOINTS = "convwork-tracepoints.dat", "tp-convwork/lean.truth.jsonl.xz"
DYNAMIC = "convwork.dat", "convwork/probes.truth.jsonl.xz"
INPUTS = [
    Input("tracepoints, v7 zstd", *TRACEPOINTS, 7, "zstd"),
    Input("tracepoints, v6", *TRACEPOINTS, 6, "none"),
    Input("dynamic events, v7 zstd", *DYNAMIC, 7, "zstd"),
]


def make_trace(source: Input, wanted: int, folder: Path) -> tuple[Path, int]:
    """Write the large trace; returns its path and how many events it holds."""
    recording, truth = ROOT / "docs" / "examples" / source.recording, folder / "truth.jsonl"
    truth.write_bytes(lzma.decompress((ROOT / "tests" / "recordings" / source.truth).read_bytes()))
    path = folder / "v6.dat"
    command = [sys.executable, "-m", "benchmarks.replicate", str(recording), str(truth)]
    result = subprocess.run([*command, str(wanted), str(path)], check=True, capture_output=True)
    if source.version == 6:
        return path, int(result.stdout)
    final = folder / f"v{source.version}.dat"
    options = ["--file-version", str(source.version), "--compression", source.compression]
    convert = ["trace-cmd", "convert", "-i", str(path), "-o", str(final), *options]
    subprocess.run(convert, check=True, capture_output=True)
    path.unlink()
    return final, int(result.stdout)


def lines_of_report(trace: Path, folder: Path) -> int:
    """Count the events that the peer prints; its first line names the CPUs."""
    text = folder / "report.txt"
    run(["trace-cmd", "report", "-i", str(trace)], text)
    with text.open("rb") as file:
        count = sum(1 for line in file if not line.startswith(b"cpus="))
    text.unlink()
    return count


class Turns(NamedTuple):
    """The costs of one input, a list per program, in the order of the turns."""

    report: list[Cost]
    to_rows: list[Cost]
    decode: list[Cost]
    load: list[Cost]
    small: list[Cost]


def take_turns(source: Input, trace: Path, events: int, turns: int, folder: Path) -> Turns:
    costs = Turns([], [], [], [], [])
    counted, summary, database = (folder / name for name in ("counted", "summary", "import.db"))
    for _ in range(turns):
        costs.report.append(run(["trace-cmd", "report", "-i", str(trace)]))
        to_rows = [sys.executable, "-m", "benchmarks.report_to_rows", str(trace), str(database)]
        costs.to_rows.append(run(to_rows))
        database.unlink()
        decode = [sys.executable, "-m", "benchmarks.decode_trace", str(trace)]
        costs.decode.append(run(decode, counted))
        if int(counted.read_text()) != events:
            raise RuntimeError(f"decoded {counted.read_text()} events of {events}")
        original = ROOT / "docs" / "examples" / source.recording
        costs.small.append(load(original, database, summary))
        costs.load.append(load(trace, database, summary))
    print(f"  conversions: {json.loads(summary.read_text())['conversions']}")
    return costs


def load(trace: Path, database: Path, summary: Path) -> Cost:
    """Of an import into a new database, which is removed again."""
    command = [str(GMEMSCOPE), "import", str(trace), "--json", "--database", str(database)]
    cost = run(command, summary)
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    return cost


def row(name: str, costs: list[Cost], events: int, *peers: list[Cost]) -> list[str]:
    cost = typical(costs)
    against = [ratios(costs, peer) for peer in peers]
    return [
        name,
        f"{cost.wall:.2f} s",
        f"{cost.cpu:.2f} s",
        f"{events / cost.cpu / 1e6:.2f} M",
        f"{cost.peak_rss / MIB:.0f} MiB",
        *(f"{cpu:.1f}x (wall {wall:.1f}x)" for wall, cpu in against),
    ]


def measure(source: Input, wanted: int, turns: int) -> None:
    with TemporaryDirectory(prefix="gmemscope-bench-") as name:
        folder = Path(name)
        trace, events = make_trace(source, wanted, folder)
        if lines_of_report(trace, folder) != events:
            raise RuntimeError(f"trace-cmd does not print the {events} events of {trace}")
        size = trace.stat().st_size / MIB
        print(f"\n{source.name}: {events:,} events, {size:.0f} MiB, {turns} turns", flush=True)
        costs = take_turns(source, trace, events, turns, folder)
    heads = ["whole process", "wall", "CPU", "events/CPU-s", "peak memory"]
    peers = costs.report, costs.to_rows
    print_table(
        [*heads, "CPU against report", "CPU against rows"],
        [
            row("trace-cmd report > /dev/null", costs.report, events, *peers),
            row("trace-cmd report, regex, SQLite rows", costs.to_rows, events, *peers),
            row("decode to columns", costs.decode, events, *peers),
            row("gmemscope import", costs.load, events, *peers),
        ],
    )
    small, large = typical(costs.small).cpu, typical(costs.load).cpu
    slope = 1e6 * (large - small) / events
    print(f"gmemscope import: {small:.2f} s of CPU, and {slope:.2f} us an event", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 M events, 3 turns")
    wanted, turns = (2_000_000, 3) if parser.parse_args().quick else (10_000_000, 3)
    for source in INPUTS:
        measure(source, wanted, turns)


if __name__ == "__main__":
    main()
