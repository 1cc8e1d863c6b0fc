"""A year of one guest in fast motion: quiet days, a storm every few, and retention every night.

python -m tests.fuzz.year --days 365 --keep-mib 12
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import Certainty, EventKind
from app.queries.retention import Gone, Keeping, Limits
from app.queries.storms import Storms
from app.store.database import open_database
from app.store.read import Reader, check
from app.store.retention import groups, space
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, memslot

DAY_NS = 86_400 * 10**9
WALL_NS = 1_700_000_000 * 10**9
GUEST_PAGES = 1 << 14
QUIET_EVENTS, STORM_EVENTS, STORM_NS = 600, 1500, 2 * 10**9
STORM_EVERY, FIRST_STORM = 5, 2
SEGMENT_EVENTS = 256


@dataclass(frozen=True, slots=True)
class Night:
    """After retention has done what was due on a day."""

    day: int
    gone: Gone
    file_bytes: int
    used_bytes: int


def events_of(day: int) -> EventArray:
    """In the middle of every fifth day there is a storm."""
    random = np.random.default_rng(day)
    t = random.integers(0, DAY_NS - STORM_NS, QUIET_EVENTS)
    if has_storm(day):
        storm = DAY_NS // 2 + random.integers(0, STORM_NS, STORM_EVENTS)
        t = np.concatenate([t, storm])
    events = np.zeros(len(t), EVENT)
    events["t"] = np.sort(t) + day * DAY_NS
    events["kind"], events["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    events["gfn"] = random.integers(0, GUEST_PAGES, len(t))
    events["npages"], events["to"] = 1, random.integers(0, 2, len(t))
    events["latency_ns"], events["tid"], events["vcpu"] = 0, 7, -1
    assert (np.diff(effect_time(events)) >= 0).all()
    return events


def has_storm(day: int) -> bool:
    return day % STORM_EVERY == FIRST_STORM


def play(engine: Engine, days: int, limits: Limits | None) -> Iterator[Night]:
    """Record so many days; without limits, whole."""
    today = [0]
    keeping = None
    if limits is not None:
        keeping = Keeping(Reader(engine), limits, lambda: WALL_NS + (today[0] + 1) * DAY_NS)
    header = replace(HEADER, wall_start_ns=WALL_NS)
    group_ns = None if limits is None else limits.group_ns
    with RecordingWriter(
        engine, header, is_live=True, segment_events=SEGMENT_EVENTS, group_ns=group_ns
    ) as writer:
        vm = writer.add_vm(replace(IDENTITY, created_t=None))
        writer.set_memslot(vm, memslot(0, 0, GUEST_PAGES))
        for day in range(days):
            today[0] = day
            writer.append(vm, events_of(day))
            writer.advance((day + 1) * DAY_NS)
            gone = Gone() if keeping is None else list(keeping.steps())[-1]
            size = space(engine)
            yield Night(day, gone, size.file_bytes, size.used_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--keep-mib", type=int, default=12)
    chosen = parser.parse_args()
    limits = Limits(7 * DAY_NS, 90 * DAY_NS, chosen.keep_mib << 20)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder) / "year.db")
        began = time.process_time()
        largest = 0
        for night in play(engine, chosen.days, limits):
            largest = max(largest, night.file_bytes)
            if night.day % 30 == 0:
                print(
                    f"day {night.day:4}: {night.file_bytes >> 10:,} KiB, "
                    f"{len(groups(engine))} groups, {time.process_time() - began:.1f} s of CPU"
                )
        reader = Reader(engine)
        found = Storms(reader).list(reader.vm(1))
        planted = sum(has_storm(day) for day in range(chosen.days))
        print(
            f"{planted} storms planted, {len(found.storms)} listed, "
            f"{sum(one.is_kept for one in found.storms)} of them with all events; largest file "
            f"{largest >> 10:,} KiB of {chosen.keep_mib << 10:,}; "
            f"{len(check(engine).findings)} findings of check"
        )
        engine.dispose()


if __name__ == "__main__":
    main()
