"""A synthetic stream of conversions on a large guest, for benchmarks and tests of scale.

70 % toggle one 4 KiB page inside 64 hot arenas of 4 MiB (bounce buffers), 15 % convert 16 to
256 KiB, aligned to their size, in 64 zones of 64 MiB (drivers' allocations), 14.9 % walk through
the guest in 2 MiB steps, to private and back (a guest accepting memory), and 0.1 % convert whole
GiB. Mean gap 10 microseconds, mean latency 4. About 60,000 runs of pages stand at any time. No
real guest is claimed to behave so: places, threads and times are random, which compresses worse
than the recordings seen so far.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray
from app.model.guest import (
    KVM_MEM_GUEST_MEMFD,
    PAGES_PER_1G,
    PAGES_PER_2M,
    Backing,
    Cause,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    To,
)

GUEST_PAGES = 1 << 28  # 1 TiB
ARENAS = 64
ARENA_PAGES = 1 << 10  # 4 MiB each
ZONES = 64
ZONE_PAGES = 1 << 14  # 64 MiB each
LOW_PAGES = 3 * PAGES_PER_1G
HOLE_PAGES = PAGES_PER_1G  # from 3 to 4 GiB, where devices are
MEAN_GAP_NS = 10_000
MEAN_LATENCY_NS = 4_000
EINVAL = 22

Ranges = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint8]]
"""gfn, npages, to."""


def memslots(guest_pages: int = GUEST_PAGES) -> list[Memslot]:
    """The guest's whole memory as one slot below 3 GiB and one above 4 GiB, as VMMs lay it out."""
    low = min(guest_pages, LOW_PAGES)
    sizes = [(0, 0, low), (1, LOW_PAGES + HOLE_PAGES, guest_pages - low)]
    return [_memslot(slot, base_gfn, npages) for slot, base_gfn, npages in sizes if npages]


def _memslot(slot: int, base_gfn: int, npages: int) -> Memslot:
    return Memslot(
        slot=slot,
        base_gfn=base_gfn,
        npages=npages,
        flags=KVM_MEM_GUEST_MEMFD,
        backing=Backing.MIXED,
        backing_certainty=Certainty.SEEN,
        userspace_addr=0x7F00_0000_0000 + (base_gfn << 12),
        guest_memfd=20 + slot,
        guest_memfd_offset=0,
    )


def conversions(
    count: int, *, seed: int = 1, chunk: int = 1 << 16, guest_pages: int = GUEST_PAGES
) -> Iterator[EventArray]:
    """Yield `count` conversions in order of effect time, `chunk` at a time, the same for a seed."""
    guest = _Guest(guest_pages, np.random.default_rng(seed))
    for first in range(0, count, chunk):
        yield guest.next_events(min(chunk, count - first))


class _Guest:
    def __init__(self, guest_pages: int, random: np.random.Generator) -> None:
        self._pages = guest_pages
        self._random = random
        self._arenas = self._places(ARENAS, ARENA_PAGES)
        self._zones = self._places(ZONES, ZONE_PAGES)
        self._is_private = np.zeros(ARENAS * ARENA_PAGES, dtype=np.uint8)  # by arena page
        self._effect_ns = 0
        self._steps = 0  # of the walk

    def next_events(self, count: int) -> EventArray:
        events = np.zeros(count, dtype=EVENT)
        events["kind"] = EventKind.CONVERSION
        events["cause_certainty"] = Certainty.SEEN
        events["range_certainty"] = Certainty.SEEN
        events["cause"] = Cause.EXPLICIT
        self._fill_times(events)
        sort = self._random.choice(4, count, p=[0.7, 0.15, 0.149, 0.001])
        for number, fill in enumerate((self._toggle, self._buffer, self._walk, self._gigabyte)):
            rows = np.flatnonzero(sort == number)
            events["gfn"][rows], events["npages"][rows], events["to"][rows] = fill(len(rows))
        events["gfn"] += np.where(events["gfn"] < LOW_PAGES, 0, HOLE_PAGES).astype(np.uint64)
        events["aux"] = np.where(events["to"] == To.PRIVATE, 8, 0)
        is_failed = self._random.random(count) < 0.001
        events["outcome"] = np.where(is_failed, Outcome.FAILED, Outcome.APPLIED)
        events["errno"] = np.where(is_failed, EINVAL, 0)
        return events

    def _fill_times(self, events: EventArray) -> None:
        count = len(events)
        gaps = self._random.exponential(MEAN_GAP_NS, count).astype(np.int64)
        effect = self._effect_ns + np.cumsum(gaps)
        self._effect_ns = int(effect[-1])
        latency = self._random.exponential(MEAN_LATENCY_NS - 1_000, count).astype(np.int64)
        events["latency_ns"] = np.minimum(1_000 + latency, effect)
        events["t"] = effect - events["latency_ns"]
        vcpu = self._random.integers(0, 64, count)
        events["vcpu"] = vcpu
        events["tid"] = 4_000 + vcpu

    def _toggle(self, count: int) -> Ranges:
        page = self._random.integers(0, ARENAS * ARENA_PAGES, count)
        order = np.argsort(page, kind="stable")
        is_first = np.diff(page[order], prepend=-1) != 0
        starts = np.flatnonzero(is_first)
        turn = np.arange(count) - np.repeat(starts, np.diff(starts, append=count))
        to = np.empty(count, dtype=np.uint8)
        to[order] = (self._is_private[page[order]] + turn + 1) & 1
        self._is_private[page] = to  # the last toggle of a page wins
        gfn = self._arenas[page // ARENA_PAGES] + (page % ARENA_PAGES).astype(np.uint64)
        return gfn, np.ones(count, dtype=np.uint64), to

    def _buffer(self, count: int) -> Ranges:
        npages = np.uint64(1) << self._random.integers(2, 7, count, np.uint64)
        offset = self._random.integers(0, ZONE_PAGES, count, np.uint64) // npages * npages
        gfn = self._random.choice(self._zones, count) + offset
        return gfn, npages, self._random.integers(0, 2, count, np.uint8)

    def _walk(self, count: int) -> Ranges:
        steps = np.arange(self._steps, self._steps + count, dtype=np.uint64)
        self._steps += count
        steps_a_round = np.uint64(self._pages // PAGES_PER_2M)
        to = ((steps // steps_a_round + np.uint64(1)) & np.uint64(1)).astype(np.uint8)
        gfn = steps % steps_a_round * np.uint64(PAGES_PER_2M)
        return gfn, np.full(count, PAGES_PER_2M, dtype=np.uint64), to

    def _gigabyte(self, count: int) -> Ranges:
        gfn = self._random.integers(0, self._pages // PAGES_PER_1G, count, np.uint64)
        npages = np.full(count, PAGES_PER_1G, dtype=np.uint64)
        return gfn * npages, npages, self._random.integers(0, 2, count, np.uint8)

    def _places(self, count: int, npages: int) -> npt.NDArray[np.uint64]:
        """First gfns of `count` places of `npages` each, anywhere in the guest."""
        places = self._random.integers(0, self._pages // npages, count, np.uint64)
        return places * np.uint64(npages)
