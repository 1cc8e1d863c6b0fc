"""A writer that is killed at random instants, again and again: what it leaves is whole.

    python -m tests.fuzz.kills --kills 200 [--seed 7]

A child records guest after guest in small segments, so that it seals, summarises and partitions
all the time, lets go of the detail of what it recorded before, and deletes that; SIGKILL ends it
after a random time. Then the database is opened as by the next start: nothing in it may be damaged,
each recording holds the first events of its history, but for those that were let go, and the state
after them, and narrow and wide windows show what its changes show.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from app.model.events import EventArray, Window, effect_time
from app.model.guest import EventKind, PageState
from app.model.pagemap import PageMap
from app.model.raster import Grid
from app.store.codecs import _partition_places as partition_places
from app.store.database import delete_recording, open_database, unfinished_deletions
from app.store.read import Reader, check
from app.store.retention import groups, retire_steps
from app.store.write import RecordingWriter, _coarse_summaries as coarse_summaries
from tests.store.histories import HEADER, IDENTITY, memslot, random_events
from tests.store.test_wide_windows import assert_same, from_changes

SEGMENT_EVENTS = 20
EVENTS = 40 * SEGMENT_EVENTS
PAGES = 4096
AT_ONCE = 33
"""Events of one commit: no part of a segment."""
NEWEST = 2
"""VMs that are looked at: others were when they were new."""
LONGEST_S = 0.8
"""In which a recording or two come about."""


def write_until_killed(path: Path) -> NoReturn:
    engine = open_database(path)
    while True:
        write(engine)
        for group in groups(engine):
            for _ in retire_steps(engine, group):
                pass
        recordings = [recording.id for recording in Reader(engine).recordings()]
        for recording_id in recordings[:-1]:
            delete_recording(engine, recording_id)


def write(engine: Engine) -> None:
    events = random_events(EVENTS, guest_pages=PAGES)
    header = replace(HEADER, wall_start_ns=1)  # what is live and has a date may be let go
    with RecordingWriter(
        engine, header, is_live=True, segment_events=SEGMENT_EVENTS, group_ns=1 << 60
    ) as writer:
        vm = writer.add_vm(IDENTITY)
        writer.set_memslot(vm, memslot(0, 0, PAGES))
        for first in range(0, EVENTS, AT_ONCE):
            writer.append(vm, events[first : first + AT_ONCE])
            writer.advance(int(events["t"][first]))


def kill_one(path: Path, after_s: float) -> None:
    """Let a child write, and kill it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of others: none is waited for
        child = os.fork()
    if child == 0:
        try:
            write_until_killed(path)
        finally:
            os._exit(1)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended before it was killed"


def assert_whole(path: Path) -> int:
    """How many events are there."""
    expected = random_events(EVENTS, guest_pages=PAGES)
    engine = open_database(path)
    try:
        assert not check(engine).findings
        reader, found = Reader(engine), 0
        for vm in reader.vms()[-NEWEST:]:
            found += assert_first_of(reader, vm.id, expected)
        for recording_id in unfinished_deletions(engine):
            delete_recording(engine, recording_id)
        assert not check(engine).findings
        return found
    finally:
        engine.dispose()


def assert_first_of(reader: Reader, vm_id: int, expected: EventArray) -> int:
    chunks = list(reader.iter_events(vm_id))
    if not chunks:
        return 0
    events = np.concatenate([events for events, _ in chunks])
    seqs = np.concatenate([seqs for _, seqs in chunks])
    gone = reader.expired(vm_id)
    stored = reader.vm(vm_id).events
    written = expected[:stored].copy()
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(memslot(0, 0, PAGES))
    page_map.apply(written, 0)  # which fills in how many pages each changed
    is_kept = events["kind"] != EventKind.EXPIRED
    np.testing.assert_array_equal(events[is_kept], written[seqs[is_kept]])
    assert int(is_kept.sum()) + sum(one.count for one in gone) == stored
    end = int(effect_time(written)[-1])
    shown, was = states(reader.page_map_at(vm_id, end)), states(page_map)
    assert ((shown == was) | ((shown == PageState.UNKNOWN) & bool(gone))).all()
    if gone:
        return stored
    changes = np.concatenate(list(reader.iter_changes(vm_id)))
    narrow = Window(gfn_from=1000, gfn_to=1008)
    meets = (changes["gfn"] < narrow.gfn_to) & (changes["gfn"] + changes["npages"] > 1000)
    meets |= changes["npages"] == 0
    ours = [*reader.iter_changes(vm_id, narrow), changes[:0]]
    np.testing.assert_array_equal(np.concatenate(ours), changes[meets])
    rows = np.arange(0, PAGES, 512, dtype=np.uint64)
    edges = np.linspace(0, end + 1, 17).astype(np.int64)
    for first, height in ((rows, 512), (rows + np.uint64(1), 1)):
        grid = reader.fit(vm_id, Grid(edges, first, first + np.uint64(height)))
        assert_same(reader.raster(vm_id, grid), from_changes(reader, vm_id, grid))
    return stored


def states(page_map: PageMap) -> npt.NDArray[np.uint8]:
    runs = page_map.runs()
    return np.repeat(runs["state"], runs["npages"].astype(np.int64))


def run(seed: int, kills: int, path: Path) -> int:
    """How many events were there after all kills, together."""
    patch = [(partition_places, "EVENTS_PER_PARTITION"), (coarse_summaries, "CELLS_PER_TILE")]
    kept = [getattr(*where) for where in patch]
    rng, found = random.Random(seed), 0
    try:
        for where in patch:
            setattr(*where, 64)
        engine = open_database(path)
        write(engine)  # loads the code that the children run
        engine.dispose()
        for number in range(kills):
            after_s = rng.uniform(0, LONGEST_S)
            print(f"{seed}/{number}: killed after {after_s:.3f} s", file=sys.stderr, flush=True)
            kill_one(path, after_s)
            found += assert_whole(path)
    finally:
        for where, before in zip(patch, kept, strict=True):
            setattr(*where, before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory() as folder:
        found = run(seed, asked.kills, Path(folder) / "killed.db")
    print(f"seed {seed}: {asked.kills} kills, {found:,} events found whole")


if __name__ == "__main__":
    main()
