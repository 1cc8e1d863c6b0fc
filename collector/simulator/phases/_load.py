"""Conversions in bulk on a huge guest, made whole columns at a time."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray
from app.model.guest import PAGES_PER_1G, PAGES_PER_2M, Cause, Certainty, EventKind, Outcome, To
from collector.kvm import uapi
from collector.simulator import Area, Part, Place, Region, Stage, blank, call_latency

CHUNK = 1 << 17
ARENAS = 64
ARENA_PAGES = 1 << 12
HOT_PAGES = ARENAS * ARENA_PAGES
HOT_STRIDE = 0x2545F491  # odd: visits every hot page once before it comes back
MIDDLE_SIZES = np.array([4, 8, 16, 32, 64], np.uint64)
TURN_STRIDE = 0x9E37  # another order in each pass
DICE = 1 << 16
BORDERS = tuple(int(share * DICE) for share in (0.70, 0.85, 0.999))
FAILS_ONE_IN = 200


@dataclass(frozen=True, slots=True)
class Load:
    """Endless conversions at random moments, `gap_ns` apart on average.

    70 % are single pages in 64 hot arenas, each pass over which turns every page; 15 % are 16 to
    256 KiB anywhere; 14.9 % walk the whole place by 2 MiB and 0.1 % by 1 GiB, turning it with
    each pass. One in 200 fails.
    """

    start: float
    gap_ns: int = 10_000
    place: Place = field(default_factory=lambda: Place(Region.HIGH_RAM))

    def perform(self, stage: Stage) -> Part:
        return Part(self._blocks(stage))

    def _blocks(self, stage: Stage) -> Iterator[EventArray]:
        ranges = _Ranges(stage.machine.area(self.place), stage.rng)
        moment = stage.begin
        while True:
            gaps = stage.rng.standard_exponential(CHUNK, dtype=np.float32)
            moments = moment + np.cumsum((gaps * np.float32(self.gap_ns)).astype(np.int64))
            moment = int(moments[-1])
            yield _conversions(stage, moments, ranges)


class _Ranges:
    """Where the next conversions go; remembers how often each kind came."""

    def __init__(self, area: Area, rng: np.random.Generator) -> None:
        self._area = area
        self._rng = rng
        spread = np.linspace(0, area.npages - ARENA_PAGES, ARENAS).astype(np.uint64)
        self._arenas = area.first_gfn + spread // ARENA_PAGES * ARENA_PAGES
        self._come = {"hot": 0, "2m": 0, "1g": 0}

    def fill(self, rows: EventArray) -> None:
        """Set gfn, npages and to."""
        dice = self._rng.integers(0, DICE, len(rows), dtype=np.uint16)
        gfn = np.empty(len(rows), np.uint64)
        npages = np.ones(len(rows), np.uint64)
        to = np.empty(len(rows), np.uint8)
        hot, middle, two_m, one_g = _kinds(dice)
        gfn[hot], to[hot] = self._hot(len(hot))
        gfn[middle], npages[middle], to[middle] = self._middle(dice[middle])
        gfn[two_m], to[two_m] = self._walk("2m", len(two_m), PAGES_PER_2M)
        npages[two_m] = PAGES_PER_2M
        gfn[one_g], to[one_g] = self._walk("1g", len(one_g), PAGES_PER_1G)
        npages[one_g] = PAGES_PER_1G
        rows["gfn"], rows["npages"], rows["to"] = gfn, npages, to

    def _hot(self, count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
        nth = self._next("hot", count)
        turn = nth // np.uint64(HOT_PAGES)
        page = (nth * np.uint64(HOT_STRIDE) ^ turn * np.uint64(TURN_STRIDE)) % np.uint64(HOT_PAGES)
        gfn = self._arenas[page // np.uint64(ARENA_PAGES)] + page % np.uint64(ARENA_PAGES)
        return gfn, _by_turn(turn)

    def _middle(
        self, dice: npt.NDArray[np.uint16]
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
        npages = MIDDLE_SIZES[dice % len(MIDDLE_SIZES)]
        spots = self._area.npages // int(MIDDLE_SIZES[-1])
        spot = self._rng.integers(0, spots, len(dice), dtype=np.uint64) * MIDDLE_SIZES[-1]
        to = self._rng.integers(0, 2, len(dice), dtype=np.uint8)
        return self._area.first_gfn + spot, npages, to

    def _walk(
        self, kind: str, count: int, npages: int
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
        nth = self._next(kind, count)
        steps = np.uint64(max(self._area.npages // npages, 1))
        return self._area.first_gfn + nth % steps * np.uint64(npages), _by_turn(nth // steps)

    def _next(self, kind: str, count: int) -> npt.NDArray[np.uint64]:
        first = self._come[kind]
        self._come[kind] = first + count
        return np.arange(first, first + count, dtype=np.uint64)


def _kinds(dice: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.intp], ...]:
    """Row numbers of the four kinds of conversion."""
    kind = np.searchsorted(np.array(BORDERS, np.uint16), dice, "right")
    return tuple(np.flatnonzero(kind == number) for number in range(len(BORDERS) + 1))


def _by_turn(turn: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Everything is private at first: even turns share it, odd ones take it back."""
    result: npt.NDArray[np.uint8] = np.where(turn % np.uint64(2), To.PRIVATE, To.SHARED).astype(
        np.uint8
    )
    return result


def _conversions(stage: Stage, moments: npt.NDArray[np.int64], ranges: _Ranges) -> EventArray:
    """Conversions that take effect at `moments`."""
    rng, machine = stage.rng, stage.machine
    rows = blank(len(moments), EventKind.CONVERSION)
    ranges.fill(rows)
    latency = call_latency(rng, rows["npages"])
    vcpu = rng.integers(0, machine.vcpus, len(rows), dtype=np.int16)
    is_failed = rng.integers(0, FAILS_ONE_IN, len(rows), dtype=np.uint8) == 0
    rows["t"] = moments - latency
    rows["latency_ns"] = latency
    rows["aux"] = np.where(rows["to"] == To.PRIVATE, uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE, 0)
    rows["vcpu"] = vcpu
    rows["tid"] = machine.tids(vcpu)
    rows["cause"] = Cause.EXPLICIT
    rows["cause_certainty"] = Certainty.INFERRED
    rows["outcome"] = np.where(is_failed, Outcome.FAILED, Outcome.APPLIED)
    rows["errno"] = np.where(is_failed, errno.ENOMEM, 0)
    return rows
