"""What a recording says of pages, against what its VMMs noted, at instants over all its length."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import EventKind, PageState
from app.model.pagemap import PageMap
from tests.assemble.conversion_truth import K4, PRIVATE, TrueConversion, TrueVm, read_truth
from tests.assemble.memory_sink import MemorySink, RecordedVm

SLACK_NS = 2_000
"""The recorders' clocks agree with the truth's within this."""
INSTANTS = 60
NOT_NAMED = 255
"""In place of a page's state."""
NAMING = (EventKind.CONVERSION, EventKind.DOUBT)
"""Kinds of events that say something of pages."""


def of_truths(sink: MemorySink, paths: list[Path], start_ns: int) -> Counter[str]:
    """How many pages were looked at, how many of them were said to be known, how many wrongly.

    VMs are compared by process and descriptor, as far as the recording reaches.
    """
    true = [vm for path in paths for vm in read_truth(path).vms]
    found: Counter[str] = Counter()
    for vm in sink.named():
        ours = [t for t in true if (t.pid, t.fd) == (vm.identity.pid, vm.identity.vm_fd)]
        pages = Pages.named_by(vm.events[np.isin(vm.events["kind"], NAMING)], ours)
        lives = [Life(one, pages) for one in ours]
        for t, states in _states(vm, sink.reached, pages):
            alive = [life for life in lives if life.holds(t + start_ns)]
            if len(alive) == 1:
                found += _compared(states, *alive[0].private(t + start_ns))
    return found


@dataclass(frozen=True)
class Pages:
    """All gfns that a conversion of a VM, or a doubt, names, ascending. Arrays of pages are so."""

    gfns: np.ndarray

    @staticmethod
    def named_by(events: EventArray, true: list[TrueVm]) -> "Pages":
        ranges = set(events[["gfn", "npages"]].tolist())
        ranges |= {gfns_of(call) for vm in true for call in applied(vm)}
        named = [np.arange(first, first + npages, dtype=np.uint64) for first, npages in ranges]
        return Pages(np.unique(np.concatenate([np.zeros(0, np.uint64), *named])))

    def places(self, first: int, npages: int) -> slice:
        borders = np.array([first, first + npages], np.uint64)
        begin, end = np.searchsorted(self.gfns, borders).tolist()
        assert end - begin == npages, "no conversion names these pages"
        return slice(begin, end)


class Life:
    """What a VM was like at instants, in order."""

    def __init__(self, vm: TrueVm, pages: Pages) -> None:
        self._vm = vm
        self._calls = [(call, pages.places(*gfns_of(call))) for call in applied(vm)]
        self._over = 0
        self._private = np.zeros(len(pages.gfns), bool)

    def holds(self, at: int) -> bool:
        return self._vm.created <= at and (self._vm.ended or at + 1) > at

    def private(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Which pages are private, and on which a call is under way."""
        while self._over < len(self._calls) and self._calls[self._over][0].t1 < at - SLACK_NS:
            call, places = self._calls[self._over]
            self._private[places] = bool((call.attributes or 0) & PRIVATE)
            self._over += 1
        busy = np.zeros(len(self._private), bool)
        for call, places in self._calls[self._over :]:
            busy[places] |= call.t0 <= at + SLACK_NS
        return self._private, busy


def applied(vm: TrueVm) -> list[TrueConversion]:
    """In the order in which they returned."""
    return [call for call in vm.conversions if not call.errno and None not in (call.gpa, call.size)]


def gfns_of(call: TrueConversion) -> tuple[int, int]:
    assert call.gpa is not None
    assert call.size is not None
    return call.gpa // K4, call.size // K4


def _states(vm: RecordedVm, reached: int, pages: Pages) -> Iterator[tuple[int, np.ndarray]]:
    """Of each page that a conversion named until then."""
    events: EventArray = vm.events
    if not len(events):
        return
    effects, page_map, done = effect_time(events), PageMap(vm.identity.start_state), 0
    end = reached if vm.ended is None else vm.ended[0]
    which = np.linspace(0, len(events) - 1, min(len(events), INSTANTS)).astype(int)
    for t in np.unique(np.concatenate((effects[which] - 1, effects[which] + 1))).tolist():
        if t < max(vm.identity.created_t or 0, 0) or t > end:
            continue
        upto = int(np.searchsorted(effects, t, side="right"))
        page_map.apply(events[done:upto], done)
        done = upto
        states = np.full(len(pages.gfns), NOT_NAMED, np.uint8)
        for first, npages, state in page_map.runs(within_memslots=False).tolist():
            states[pages.places(first, npages)] = state
        yield t, states


def _compared(states: np.ndarray, private: np.ndarray, busy: np.ndarray) -> Counter[str]:
    looked_at = (states != NOT_NAMED) & ~busy
    known = looked_at & (states != PageState.UNKNOWN)
    wrong = known & ((states == PageState.PRIVATE) != private)
    counts = {"pages": looked_at, "known": known, "wrong": wrong}
    return Counter({name: int(np.count_nonzero(which)) for name, which in counts.items()})
