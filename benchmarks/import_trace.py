"""Decode and import a trace.dat of millions of events, side by side with `trace-cmd report`.

    python -m benchmarks.import_trace [--quick] [--recordings FOLDER]

Every figure is of a whole process, from the start of the interpreter to its exit, on the same file
in the same run; the programs take turns, and ratios are medians over the turns. The peer formats
text, the only form in which it hands events on; who wants numbers still has to parse it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.measure import MIB, Cost, print_table, ratios, run, typical

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"


class Input(NamedTuple):
    """A recording to repeat parts of, with its ground truth, and the kind of file to write."""

    name: str
    folder: str
    stem: str
    version: int
    compression: str


INPUTS = [
    Input("tracepoints, v7 zstd", "tp-convwork", "lean", 7, "zstd"),
    Input("tracepoints, v6", "tp-convwork", "lean", 6, "none"),
    Input("dynamic events, v7 zstd", "convwork", "probes", 7, "zstd"),
]


def make_trace(source: Input, recordings: Path, wanted: int, folder: Path) -> tuple[Path, int]:
    """Write the large trace; returns its path and how many events it holds."""
    stem = recordings / source.folder / source.stem
    path = folder / f"v6-{source.folder}.dat"
    command = [sys.executable, "-m", "benchmarks.replicate", f"{stem}.dat", f"{stem}.truth.jsonl"]
    result = subprocess.run([*command, str(wanted), str(path)], check=True, capture_output=True)
    if source.version == 6:
        return path, int(result.stdout)
    final = folder / f"v{source.version}-{source.folder}.dat"
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
    decode: list[Cost]
    load: list[Cost]


def take_turns(trace: Path, events: int, turns: int, folder: Path) -> Turns:
    costs = Turns([], [], [])
    counted, summary = folder / "decoded.txt", folder / "summary.json"
    for _ in range(turns):
        costs.report.append(run(["trace-cmd", "report", "-i", str(trace)]))
        decode = [sys.executable, "-m", "benchmarks.decode_trace", str(trace)]
        costs.decode.append(run(decode, counted))
        if int(counted.read_text()) != events:
            raise RuntimeError(f"decoded {counted.read_text()} events of {events}")
        database = folder / "import.db"
        load = [str(GMEMSCOPE), "import", str(trace), "--json", "--database", str(database)]
        costs.load.append(run(load, summary))
        for file in folder.glob("import.db*"):
            file.unlink()
    print(f"  conversions: {json.loads(summary.read_text())['conversions']}")
    return costs


def row(name: str, costs: list[Cost], events: int, peer: list[Cost]) -> list[str]:
    cost = typical(costs)
    wall, cpu = ratios(costs, peer)
    return [
        name,
        f"{cost.wall:.2f} s",
        f"{cost.cpu:.2f} s",
        f"{events / cost.cpu / 1e6:.2f} M",
        f"{cost.peak_rss / MIB:.0f} MiB",
        f"{wall:.1f}x",
        f"{cpu:.1f}x",
    ]


def measure(source: Input, recordings: Path, wanted: int, turns: int) -> None:
    with TemporaryDirectory(prefix="gmemscope-bench-") as name:
        folder = Path(name)
        trace, events = make_trace(source, recordings, wanted, folder)
        if lines_of_report(trace, folder) != events:
            raise RuntimeError(f"trace-cmd does not print the {events} events of {trace}")
        size = trace.stat().st_size / MIB
        print(f"\n{source.name}: {events:,} events, {size:.0f} MiB, {turns} turns", flush=True)
        costs = take_turns(trace, events, turns, folder)
    heads = ["whole process", "wall", "CPU", "events/CPU-s", "peak memory", "wall", "CPU"]
    peer = costs.report
    print_table(
        heads,
        [
            row("trace-cmd report > /dev/null", peer, events, peer),
            row("decode to columns", costs.decode, events, peer),
            row("gmemscope import", costs.load, events, peer),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 M events, 3 turns")
    parser.add_argument("--recordings", type=Path, default=RECORDINGS)
    options = parser.parse_args()
    wanted, turns = (2_000_000, 3) if options.quick else (10_000_000, 5)
    for source in INPUTS:
        measure(source, options.recordings, wanted, turns)


if __name__ == "__main__":
    main()
