"""Mutated recordings and databases, one after another: each is read, refused or kept in part.

    python -m tests.fuzz.campaign --cases 1000 --seed 7 --keep FOLDER

Prints the number of each case before it is tried, so that one which kills the process is known;
what failed is kept in FOLDER. With NUMBA_BOUNDSCHECK=1 compiled code checks each index.
"""

import argparse
import lzma
import random
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from app.model.raster import Grid
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.importing import format_of, import_file
from collector.trace.errors import InputError
from tests.fuzz.mutations import BINARY, EDGES, TEXT, mutated

RECORDINGS = Path(__file__).parents[1] / "recordings"
EXPECTED = (InputError, StoreError)
LARGEST = 2 << 20
SEGMENT_EVENTS = 64
"""Few, so that small recordings have sealed segments, keyframes and summaries."""
_BLOBS = {
    "segment": ("event_blob", "change_blob"),
    "keyframe": ("blob",),
    "summary": ("cell_blob", "timeline_blob"),
}
_CHECKSUMS = {
    "segment": ("row_checksum", "event_checksum", "change_checksum"),
    "keyframe": ("checksum",),
    "summary": ("cell_checksum", "timeline_checksum"),
    "vm": ("row_checksum", "memslot_checksum", "guest_memfd_checksum"),
    "recording": ("row_checksum", "loss_checksum"),
    "note": ("checksum",),
}
_NUMBERS = {
    "segment": ("first_seq", "event_count", "first_change", "first_t", "last_t", "first_gfn"),
    "memslot": ("base_gfn", "npages", "from_t", "to_t", "slot"),
    "summary": ("quantum_shift", "block_shift"),
    "vm": ("last_t", "events", "private_pages"),
}


def corpus() -> dict[str, bytes]:
    found = {}
    for path in sorted(RECORDINGS.rglob("*.xz")):
        if ".truth." not in path.name:
            content = lzma.decompress(path.read_bytes())
            if len(content) <= LARGEST:
                found[f"{path.parent.name}-{path.stem}"] = content
    return found


def ask_everything(database: Path) -> None:
    """All that compiled code reads."""
    engine = open_database(database, read_only=True)
    try:
        reader = Reader(engine)
        for vm in reader.vms(include_unattributed=True):
            for ask in (_ask_pages, _ask_pictures, _ask_rows):
                try:
                    ask(reader, vm.id, vm.last_t)
                except EXPECTED:
                    continue
    finally:
        engine.dispose()


def _ask_pages(reader: Reader, vm_id: int, last_t: int) -> None:
    for t in (0, last_t // 2, last_t):
        reader.page_map_at(vm_id, t).runs()


def _ask_pictures(reader: Reader, vm_id: int, last_t: int) -> None:
    first = np.arange(0, 1 << 21, 1 << 17, dtype=np.uint64)
    edges = np.linspace(0, min(max(last_t, 1), 1 << 61) + 1, 20).astype(np.int64)
    grid = Grid(np.unique(edges), first, first + np.uint64(1 << 17))
    fitted = reader.fit(vm_id, grid)
    for one in (grid, fitted):
        reader.raster(vm_id, one)
        reader.churn(vm_id, one)
    reader.timeline(vm_id, reader.fit_edges(vm_id, grid.t_edges))


def _ask_rows(reader: Reader, vm_id: int, last_t: int) -> None:
    for _ in reader.iter_events(vm_id):
        pass
    for _ in reader.iter_changes(vm_id):
        pass
    reader.memslots(vm_id)


def try_file(content: bytes, folder: Path) -> None:
    """Raises what must not be."""
    path, database = folder / "case", folder / "case.db"
    path.write_bytes(content)
    engine = open_database(database)
    try:
        import_file(
            path,
            format_of(path),
            lambda header: RecordingWriter(engine, header, segment_events=SEGMENT_EVENTS),
        )
    except EXPECTED:
        pass
    finally:
        engine.dispose()
    ask_everything(database)


def damaged(rng: random.Random, database: Path) -> None:
    """Change a value or a blob, and take away the checksums that would tell."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, columns in _CHECKSUMS.items():
            connection.execute(f"UPDATE {table} SET {', '.join(f'{c} = NULL' for c in columns)}")
        if rng.random() < 0.3:
            table = rng.choice(sorted(_NUMBERS))
            column, edge = rng.choice(_NUMBERS[table]), rng.choice(EDGES)
            value = edge - (1 << 64) if edge >= 1 << 63 else edge
            _set(connection, rng, table, column, value)
            return
        table = rng.choice(sorted(_BLOBS))
        column = rng.choice(_BLOBS[table])
        rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
        if rows:
            row, blob = rng.choice(rows)
            changed = mutated(rng, blob, BINARY)
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))


def _set(
    connection: sqlite3.Connection, rng: random.Random, table: str, column: str, value: int
) -> None:
    rows = connection.execute(f"SELECT rowid FROM {table}").fetchall()
    if rows:
        (row,) = rng.choice(rows)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))


def sound_database(content: bytes, folder: Path) -> Path:
    try_file(content, folder)
    return folder / "case.db"


def cases(seed: int, first: int, count: int) -> Iterator[tuple[int, random.Random]]:
    for number in range(first, first + count):
        yield number, random.Random(f"{seed}/{number}")


def run(seed: int, first: int, count: int, keep: Path) -> int:
    """How many cases failed."""
    files, failed = corpus(), 0
    names = sorted(files)
    with tempfile.TemporaryDirectory() as made:
        whole = sound_database(files["convwork-probes.dat"], Path(made))
        for number, rng in cases(seed, first, count):
            name = "database" if rng.random() < 0.25 else rng.choice(names)
            print(f"{seed}/{number} {name}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    if name == "database":
                        copy = Path(shutil.copy(whole, folder))
                        damaged(rng, copy)
                        ask_everything(copy)
                    else:
                        ways = BINARY if name.endswith(".dat") else TEXT
                        try_file(mutated(rng, files[name], ways), Path(folder))
                except EXPECTED:
                    continue
                except Exception:
                    failed += 1
                    traceback.print_exc()
                    kept = Path(shutil.copytree(folder, keep / f"{seed}-{number}-{name}"))
                    print(f"FAILED: {kept}", file=sys.stderr)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", type=Path, required=True)
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if asked.seed is None else asked.seed
    asked.keep.mkdir(parents=True, exist_ok=True)
    failed = run(seed, asked.first, asked.cases, asked.keep)
    print(f"seed {seed}: {asked.cases} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
