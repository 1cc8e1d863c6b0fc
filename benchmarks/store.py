"""Write, seek and draw in the store, side by side with one SQLite row per event.

    python -m benchmarks.store [--quick]

The events are those of benchmarks.synthetic on a 1 TiB guest, whose making is not counted. Writing
takes turns with its peer; ratios are medians over the turns. From 2 M events on, segments have
partitions: a recording of ten times as many shows what these cost. State and rasters are asked for
at random places, beginning with an empty cache; times are those of the whole answer. The peer's
state and raster are asked for where it is still bearable, and compared with ours there.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray, Window, effect_time
from app.model.guest import Certainty, PageState, VmIdentity
from app.model.raster import Grid
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter
from benchmarks.measure import print_table
from benchmarks.store_peers import Rows
from benchmarks.synthetic import GUEST_PAGES, HOLE_PAGES, conversions, memslots

WIDTH, HEIGHT = 1000, 512
END_GFN = GUEST_PAGES + HOLE_PAGES
HEADER = RecordingHeader("benchmark", "synthetic", "benchmark", "simulated", 0)
GUEST = VmIdentity("guest", None, None, 0, Certainty.SEEN, PageState.SHARED)


class Sizes(NamedTuple):
    small: int  # events; also the peer's raster
    large: int
    peer_rows: int  # written a turn
    peer_state: int  # events before the instant that the peer is asked for
    turns: int
    questions: int


FULL = Sizes(1_000_000, 10_000_000, 200_000, 100_000, turns=5, questions=150)
QUICK = Sizes(200_000, 2_000_000, 50_000, 30_000, turns=3, questions=60)


def write(path: Path, chunks: Iterable[EventArray]) -> float:
    """Write a recording; returns CPU seconds, without those that making a chunk takes."""
    engine = open_database(path)
    begin, made = time.process_time(), 0.0
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(GUEST)
        for memslot in memslots():
            writer.set_memslot(vm_id, memslot)
        began = time.process_time()
        for chunk in chunks:
            made += time.process_time() - began
            writer.append(vm_id, chunk)
            began = time.process_time()
        made += time.process_time() - began
    cpu = time.process_time() - begin - made
    engine.dispose()
    return cpu


def write_rows(path: Path, chunks: Sequence[EventArray]) -> float:
    begin = time.process_time()
    rows = Rows(path)
    for chunk in chunks:
        rows.append(chunk)
    rows.close()
    return time.process_time() - begin


def compare_writing(folder: Path, sizes: Sizes) -> None:
    chunks = list(conversions(sizes.small, chunk=50_000))
    few = chunks[: sizes.peer_rows // 50_000]
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(sizes.turns):
        path, peer = folder / f"write{turn}.db", folder / f"rows{turn}.db"
        ours.append(sizes.small / write(path, chunks))
        theirs.append(sizes.peer_rows / write_rows(peer, few))
    our_bytes, their_bytes = (
        path.stat().st_size / sizes.small,
        peer.stat().st_size / sizes.peer_rows,
    )
    faster = median(a / b for a, b in zip(ours, theirs, strict=True))
    large = folder / "large.db"
    rate = sizes.large / write(large, conversions(sizes.large))
    large_bytes = large.stat().st_size / sizes.large
    print_table(
        ["write", "events per CPU-second", "bytes per event"],
        [
            [
                f"{sizes.small:,}, page map and summaries",
                f"{median(ours):,.0f}",
                f"{our_bytes:.2f}",
            ],
            [f"{sizes.large:,}, partitions as well", f"{rate:,.0f}", f"{large_bytes:.2f}"],
            ["sqlite3 executemany, rows only", f"{median(theirs):,.0f}", f"{their_bytes:.1f}"],
            ["ratio", f"{faster:.1f}x", f"{their_bytes / our_bytes:.1f}x"],
        ],
    )


class Times(NamedTuple):
    """Milliseconds of wall and CPU time per answer."""

    wall: npt.NDArray[np.float64]
    cpu: npt.NDArray[np.float64]

    def cells(self) -> list[str]:
        wall, cpu = np.percentile(self.wall, [50, 95]), np.percentile(self.cpu, [50, 95])
        return [f"{wall[0]:.1f}", f"{wall[1]:.1f}", f"{cpu[0]:.1f}", f"{cpu[1]:.1f}"]


def timed(questions: Sequence[Callable[[], object]]) -> Times:
    rows = []
    for ask in questions:
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        rows.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall_ms, cpu_ms = np.array(rows).T * 1e3
    return Times(wall_ms, cpu_ms)


def grid(t_from: int, t_to: int, first_gfn: int, end_gfn: int, height: int = HEIGHT) -> Grid:
    borders = np.linspace(first_gfn, end_gfn, height + 1).astype(np.uint64)
    edges = np.linspace(t_from, t_to, WIDTH + 1).astype(np.int64)
    return Grid(edges, borders[:-1], borders[1:])


def random_grids(count: int, end_t: int) -> list[Grid]:
    """Windows of all zooms: up to a thousandth of the time, up to 256 MiB of the guest."""
    random = np.random.default_rng(7)
    grids = []
    for _ in range(count):
        duration = int(end_t * 10 ** random.uniform(-3, 0))
        npages = int(END_GFN * 2 ** random.uniform(-12, 0))
        t_from = int(random.integers(0, end_t - duration + 1))
        first_gfn = int(random.integers(0, END_GFN - npages + 1))
        grids.append(grid(t_from, t_from + duration, first_gfn, first_gfn + npages))
    return grids


def fitted(reader: Reader, vm_id: int, wanted: Grid) -> Grid:
    """As the dashboard does: rows no lower than what is summarised, where events are many."""
    t_from, t_to = int(wanted.t_edges[0]), int(wanted.t_edges[-1])
    first_gfn, end_gfn = int(wanted.row_first[0]), int(wanted.row_end[-1])
    window = Window(t_from, t_to, first_gfn, end_gfn)
    rows = (end_gfn - first_gfn) // reader.lowest_row(vm_id, window, WIDTH, HEIGHT)
    if rows < HEIGHT:
        wanted = grid(t_from, t_to, first_gfn, end_gfn, rows)
    return reader.fit(vm_id, wanted)


def draw(reader: Reader, vm_id: int, wanted: Grid) -> object:
    return reader.raster(vm_id, fitted(reader, vm_id, wanted))


def draw_churn(reader: Reader, vm_id: int, wanted: Grid) -> object:
    return reader.churn(vm_id, fitted(reader, vm_id, wanted))


def ask(path: Path, count: int) -> tuple[Times, ...]:
    """State at random instants, then rasters of random windows and of everything, first of states
    and counts, then of returns and mixed blocks."""
    engine = open_database(path, read_only=True)
    vm_id = Reader(engine).vms()[0].id
    end_t = Reader(engine).span(vm_id)[1]
    instants = np.random.default_rng(5).integers(0, end_t, count).tolist()
    seeker = Reader(engine)
    states = timed([partial(seeker.page_map_at, vm_id, t) for t in instants])
    whole = grid(0, end_t, 0, END_GFN)
    rasters = []
    for drawn in (draw, draw_churn):
        painter = Reader(engine)
        some = [partial(drawn, painter, vm_id, one) for one in random_grids(count, end_t)]
        everything = [partial(drawn, Reader(engine), vm_id, whole) for _ in range(10)]
        rasters += [timed(some), timed(everything)]
    engine.dispose()
    return states, *rasters


def compare_reading(folder: Path, sizes: Sizes) -> None:
    small, large = folder / "small.db", folder / "large.db"
    write(small, list(conversions(sizes.small)))
    write_streamed(large, sizes.large)
    ask(small, 5)  # compiles
    answers = {sizes.small: ask(small, sizes.questions), sizes.large: ask(large, sizes.questions)}
    names = (
        "state at a random instant",
        f"raster {WIDTH}x{HEIGHT}, random window",
        f"raster {WIDTH}x{HEIGHT}, everything, nothing cached",
        f"returns and mixed blocks {WIDTH}x{HEIGHT}, random window",
        f"returns and mixed blocks {WIDTH}x{HEIGHT}, everything, nothing cached",
    )
    rows = [
        [name, f"{events:,}", *answers[events][i].cells()]
        for i, name in enumerate(names)
        for events in answers
    ]
    print_table(["answer", "events", "p50 ms", "p95 ms", "CPU p50 ms", "CPU p95 ms"], rows)
    for i, name in enumerate(names):
        few, many = (np.percentile(answers[events][i].cpu, 95) for events in answers)
        print(f"growth of {name}, p95 CPU: {many / few:.2f}x for {sizes.large // sizes.small}x")
    compare_answers(folder, small, sizes)


def write_streamed(path: Path, count: int) -> None:
    """Write more events than memory should hold at once."""
    engine = open_database(path)
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(GUEST)
        for memslot in memslots():
            writer.set_memslot(vm_id, memslot)
        for chunk in conversions(count):
            writer.append(vm_id, chunk)
    engine.dispose()


def compare_answers(folder: Path, ours: Path, sizes: Sizes) -> None:
    """The same state and the same window, asked of rows."""
    rows = Rows(folder / "rows.db")
    chunks = list(conversions(sizes.small))
    for chunk in chunks:
        rows.append(chunk)
    t = int(effect_time(np.concatenate(chunks))[sizes.peer_state])
    engine = open_database(ours, read_only=True)
    reader = Reader(engine)
    vm_id = reader.vms()[0].id
    end_t = reader.span(vm_id)[1]
    runs = reader.page_map_at(vm_id, t).runs(within_memslots=False)
    private = runs[runs["state"] == PageState.PRIVATE]
    assert rows.state_at(t) == list(
        zip(*(private[n].tolist() for n in ("gfn", "npages")), strict=True)
    )
    pairs = {
        f"state after {sizes.peer_state:,} events: interval map over rows": (
            lambda: Reader(engine).page_map_at(vm_id, t),
            lambda: rows.state_at(t),
        ),
        f"raster of {sizes.small:,} events: GROUP BY, counts only": (
            lambda: draw(Reader(engine), vm_id, grid(0, end_t, 0, END_GFN)),
            lambda: rows.raster(
                np.linspace(0, end_t, WIDTH + 1).astype(np.int64), 0, END_GFN, HEIGHT
            ),
        ),
    }
    table = []
    for name, (ask_us, ask_them) in pairs.items():
        turns = [(timed([ask_us]).cpu[0], timed([ask_them]).cpu[0]) for _ in range(sizes.turns)]
        mine, theirs = (median(column) for column in zip(*turns, strict=True))
        ratio = median(them / us for us, them in turns)
        table.append([name, f"{mine:.1f}", f"{theirs:.1f}", f"{ratio:.1f}x"])
    print_table(["against rows", "CPU ms, nothing cached", "peer's", "ratio"], table)
    rows.close()
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the events")
    sizes = QUICK if parser.parse_args().quick else FULL
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "first.db", list(conversions(1 << 17)))  # compiles
        compare_writing(folder, sizes)
        compare_reading(folder, sizes)


if __name__ == "__main__":
    main()
