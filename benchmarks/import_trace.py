"""Decode and import a trace.dat of millions of events, side by side with libtracecmd and trace-cmd.

    python -m benchmarks.import_trace [--quick]

Every figure is of a whole process, from the start of the interpreter to its exit, on the same file
in the same run; the programs take turns, and ratios are medians over the turns. The first peer is
the hardest: a C program that reads every field of every event by libtracecmd and keeps nothing
(tracecmd_pass.c, built where libtracecmd-dev, libtracefs-dev and libtraceevent-dev are). The cost
of libtracecmd 1.3 grows faster than a compressed file does, most of it in one loop: v6 shows it at
its best. The second peer formats text, the only form in which trace-cmd hands events on; the third
also makes rows of it (benchmarks.report_to_rows), as one would without gmemscope. What a program
costs before its first event is that of the small recording whose parts were repeated; the rest,
divided, is that of an event.
"""

import argparse
import json
import lzma
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.measure import MIB, Cost, print_table, ratios, run, typical

GMEMSCOPE = Path(sys.executable).with_name("gmemscope")
ROOT = Path(__file__).parents[1]
C_PACKAGES = ["libtracecmd-dev", "libtracefs-dev", "libtraceevent-dev"]


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

    c_pass: list[Cost]  # empty where it could not be built
    report: list[Cost]
    to_rows: list[Cost]
    decode: list[Cost]
    load: list[Cost]
    small_c_pass: list[Cost]
    small_decode: list[Cost]
    small_load: list[Cost]


def take_turns(
    source: Input, trace: Path, events: int, turns: int, folder: Path, c_pass: Path | None
) -> Turns:
    costs = Turns([], [], [], [], [], [], [], [])
    counted, summary, database = (folder / name for name in ("counted", "summary", "import.db"))
    original = ROOT / "docs" / "examples" / source.recording
    for _ in range(turns):
        if c_pass is not None:
            costs.c_pass.append(run([str(c_pass), str(trace)], counted))
            expect(counted, events)
            costs.small_c_pass.append(run([str(c_pass), str(original)]))
        costs.report.append(run(["trace-cmd", "report", "-i", str(trace)]))
        to_rows = [sys.executable, "-m", "benchmarks.report_to_rows", str(trace), str(database)]
        costs.to_rows.append(run(to_rows))
        database.unlink()
        decode = [sys.executable, "-m", "benchmarks.decode_trace"]
        costs.decode.append(run([*decode, str(trace)], counted))
        expect(counted, events)
        costs.small_decode.append(run([*decode, str(original)]))
        costs.small_load.append(load(original, database, summary))
        costs.load.append(load(trace, database, summary))
    print(f"  conversions: {json.loads(summary.read_text())['conversions']}")
    return costs


def expect(counted: Path, events: int) -> None:
    """Check the first number that a program printed."""
    count = int(counted.read_text().split()[0])
    if count != events:
        raise RuntimeError(f"read {count} events of {events}")


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
        *(f"{cpu:.2f}x (wall {wall:.2f}x)" for wall, cpu in against),
    ]


def print_costs(costs: Turns, events: int) -> None:
    """Print what each program cost, and how often that goes into the cost of each peer."""
    programs = {
        "libtracecmd, every field read": costs.c_pass,
        "trace-cmd report > /dev/null": costs.report,
        "trace-cmd report, regex, SQLite rows": costs.to_rows,
        "decode to columns": costs.decode,
        "gmemscope import": costs.load,
    }
    peers = {"libtracecmd": costs.c_pass, "report": costs.report, "rows": costs.to_rows}
    peers = {name: peer for name, peer in peers.items() if peer}
    print_table(
        ["whole process", "wall", "CPU", "events/CPU-s", "peak memory"]
        + [f"CPU against {name}" for name in peers],
        [row(name, own, events, *peers.values()) for name, own in programs.items() if own],
    )
    print_fixed("libtracecmd", costs.small_c_pass, costs.c_pass, events)
    print_fixed("decode to columns", costs.small_decode, costs.decode, events)
    print_fixed("gmemscope import", costs.small_load, costs.load, events)


def print_fixed(name: str, small: list[Cost], large: list[Cost], events: int) -> None:
    """Print what a program costs before its first event, and for each."""
    if small:
        fixed, whole = typical(small).cpu, typical(large).cpu
        slope = 1e6 * (whole - fixed) / events
        print(f"{name}: {fixed:.2f} s of CPU, and {slope:.3f} us an event", flush=True)


def measure(source: Input, wanted: int, turns: int, c_pass: Path | None) -> None:
    with TemporaryDirectory(prefix="gmemscope-bench-") as name:
        folder = Path(name)
        trace, events = make_trace(source, wanted, folder)
        if lines_of_report(trace, folder) != events:
            raise RuntimeError(f"trace-cmd does not print the {events} events of {trace}")
        size = trace.stat().st_size / MIB
        print(f"\n{source.name}: {events:,} events, {size:.0f} MiB, {turns} turns", flush=True)
        costs = take_turns(source, trace, events, turns, folder, c_pass)
    print_costs(costs, events)


def build_c_pass(folder: Path) -> Path | None:
    """Compile tracecmd_pass.c; None, and a line that names what is missing, where it cannot be."""
    missing = [tool for tool in ("gcc", "pkg-config") if shutil.which(tool) is None]
    if missing:
        print(f"no comparison with libtracecmd: {' and '.join(missing)} not found")
        return None
    wanted = ["pkg-config", "--cflags", "--libs", "libtracecmd", "libtraceevent"]
    flags = subprocess.run(wanted, capture_output=True, text=True)
    if flags.returncode:
        print("no comparison with libtracecmd: apt-get install " + " ".join(C_PACKAGES))
        return None
    program = folder / "tracecmd_pass"
    source = Path(__file__).with_name("tracecmd_pass.c")
    command = ["gcc", "-O2", "-Wall", "-Werror", "-o", str(program), str(source)]
    subprocess.run([*command, *flags.stdout.split()], check=True)
    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 M events, 3 turns")
    wanted, turns = (2_000_000, 3) if parser.parse_args().quick else (10_000_000, 3)
    with TemporaryDirectory(prefix="gmemscope-bench-") as folder:
        c_pass = build_c_pass(Path(folder))
        for source in INPUTS:
            measure(source, wanted, turns, c_pass)


if __name__ == "__main__":
    main()
