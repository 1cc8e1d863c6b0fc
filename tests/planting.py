"""Storms planted into simulated guests, and what a plain recount of their events says."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import PAGES_PER_2M, EventKind, Outcome, To
from app.store.database import open_database
from app.store.read import Reader
from app.store.schema import Vm
from app.store.write import RecordingWriter
from collector.simulator import (
    Limits,
    Machine,
    Phase,
    Scenario,
    Showing,
    Storm,
    _player as player,
    play,
    recording_header,
)
from collector.simulator._truth import Planted

GIB = 1 << 30


@dataclass(frozen=True)
class Recorded:
    """A simulated recording with the truth about it."""

    reader: Reader
    vm: Vm
    planted: tuple[Planted, ...]

    def of_kind(self, kind: str) -> list[Planted]:
        return [one for one in self.planted if one.kind == kind]

    def events(self) -> tuple[EventArray, np.ndarray]:
        assert self.vm.id is not None
        return self.reader.events(self.vm.id, limit=10_000_000)


def record(
    path: Path,
    phases: Sequence[Phase | Storm],
    *,
    duration: float,
    seed: int = 1,
    batch: int = player.LARGEST_APPEND,
) -> Recorded:
    """Play these phases on a small guest into a database, `batch` events at a time at most."""
    scenario = Scenario("planted", "for a test", tuple(phases), duration, memory=8 * GIB)
    showing = Showing(scenario, Machine(scenario.memory, scenario.vcpus), seed)
    engine = open_database(path)
    usual, player.LARGEST_APPEND = player.LARGEST_APPEND, batch
    try:
        with RecordingWriter(engine, recording_header(showing)) as sink:
            limits = Limits(until_t=showing.main_end)
            played = play(showing, limits, sink, stop=Event())
            sink.advance(showing.main_end)
    finally:
        player.LARGEST_APPEND = usual
    reader = Reader(engine)
    return Recorded(reader, reader.vms()[0], played.planted)


@dataclass
class Recount:
    """Conversions of a stretch, counted one by one and page by page."""

    calls: int = 0
    applied: int = 0
    failed: int = 0
    noop: int = 0
    to_private: int = 0
    to_shared: int = 0
    broken: int = 0
    healed: int = 0


def recount(events: EventArray, from_t: int, to_t: int) -> Recount:
    """Of [from_t, to_t), for a guest whose creation was seen and that lost nothing."""
    calls = events[events["kind"] == EventKind.CONVERSION]
    end = int((calls["gfn"] + calls["npages"]).max())
    private = np.zeros(-(-end // PAGES_PER_2M) * PAGES_PER_2M, bool)
    found = Recount()
    for call, t in zip(calls, effect_time(calls).tolist(), strict=True):
        is_inside = from_t <= t < to_t
        _count_outcome(found, call, is_inside)
        if call["outcome"] == Outcome.APPLIED:
            _paint(found, private, call, is_inside)
    return found


def _count_outcome(found: Recount, call: np.void, is_inside: bool) -> None:
    found.calls += is_inside
    found.applied += is_inside and bool(call["outcome"] == Outcome.APPLIED)
    found.failed += is_inside and bool(call["outcome"] == Outcome.FAILED)


def _paint(found: Recount, private: np.ndarray, call: np.void, is_inside: bool) -> None:
    first, end = int(call["gfn"]), int(call["gfn"] + call["npages"])
    low = first // PAGES_PER_2M * PAGES_PER_2M
    high = -(-end // PAGES_PER_2M) * PAGES_PER_2M
    wanted = bool(call["to"] == To.PRIVATE)
    was_mixed = _mixed(private[low:high])
    changed = int(np.count_nonzero(private[first:end] != wanted))
    private[first:end] = wanted
    is_mixed = _mixed(private[low:high])
    if is_inside:
        found.noop += changed == 0
        found.to_private += changed if wanted else 0
        found.to_shared += 0 if wanted else changed
        found.broken += int(np.count_nonzero(is_mixed & ~was_mixed))
        found.healed += int(np.count_nonzero(was_mixed & ~is_mixed))


def _mixed(pages: np.ndarray) -> np.ndarray:
    count = pages.reshape(-1, PAGES_PER_2M).sum(axis=1)
    return (count > 0) & (count < PAGES_PER_2M)
