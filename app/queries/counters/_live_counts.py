"""Counters of VMs that are recorded now."""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import Cause, EventKind, Outcome, PageState, To
from app.model.stats import DoubleAllocation, is_timed
from app.queries.counters._latencies import NativeBuckets
from app.queries.figures import Bounds, row_id
from app.queries.history import backing_point
from app.store.read import Reader
from app.store.schema import Vm

MOST_PAGES = 1 << 26
"""Of how much guest memory, all VMs together, accounts of both halves are kept: 256 GiB take up to
48 MiB. Of what is beyond it is not known."""
MOST_EVENTS = 20_000_000
"""Of a recording with more events before the first look, the accounts begin with nothing known."""


class CallClass(NamedTuple):
    """What distinguishes conversions that are counted."""

    direction: To
    outcome: Outcome
    cause: Cause


@dataclass(slots=True)
class _VmCounts:
    calls: Counter[CallClass] = field(default_factory=Counter)
    latencies: NativeBuckets = field(default_factory=NativeBuckets)
    allocation: DoubleAllocation | None = None
    pages: int = 0
    reached_t: int = 0


class LiveCounts:
    """An observer of `app.queries.live.LiveStorms`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._vms: dict[int, _VmCounts] = {}
        self._lock = Lock()

    def began(self, vm: Vm, border_t: int) -> None:
        """What took effect before `border_t` will not be given."""
        counts = _VmCounts(reached_t=border_t)
        counts.pages = vm.private_pages + vm.shared_pages + vm.unknown_pages
        if sum(one.pages for one in self._vms.values()) + counts.pages <= MOST_PAGES:
            counts.allocation = self._allocation_before(vm, border_t)
        with self._lock:
            self._vms[row_id(vm)] = counts

    def _allocation_before(self, vm: Vm, border_t: int) -> DoubleAllocation:
        if border_t and vm.events > MOST_EVENTS:
            return DoubleAllocation(PageState.UNKNOWN)
        allocation = DoubleAllocation(vm.start_state)
        if border_t:
            for events in self._reader.iter_counted(row_id(vm), t_to=border_t):
                allocation.add(events)
        return allocation

    def observe(self, vm: Vm, events: EventArray) -> None:
        calls = events[events["kind"] == EventKind.CONVERSION]
        codes = (calls["to"].astype(np.int64) << 8 | calls["outcome"]) << 8 | calls["cause"]
        classes = np.unique(codes, return_counts=True)
        with self._lock:
            counts = self._vms[row_id(vm)]
            for code, number in zip(*(one.tolist() for one in classes), strict=True):
                of = CallClass(To(code >> 16), Outcome(code >> 8 & 255), Cause(code & 255))
                counts.calls[of] += number
            counts.latencies.add(calls["latency_ns"][is_timed(calls)])
            counts.reached_t = max(counts.reached_t, int(effect_time(events[-1:])[0]))
            if counts.allocation is not None:
                counts.allocation.add(events)

    def forgot(self, vm_id: int) -> None:
        """Its recording is there no more."""
        with self._lock:
            self._vms.pop(vm_id, None)

    def calls(self, vm_id: int) -> dict[CallClass, int] | None:
        """None: nobody looked."""
        with self._lock:
            counts = self._vms.get(vm_id)
            return None if counts is None else dict(counts.calls)

    def latencies(self, vm_id: int) -> NativeBuckets | None:
        """Of conversions whose end was seen. None: nobody looked."""
        with self._lock:
            counts = self._vms.get(vm_id)
            return None if counts is None else counts.latencies.copy()

    def double_allocated_pages(self, vm: Vm) -> Bounds | None:
        """Pages of which both halves exist, at the last event that was given. None: not known."""
        with self._lock:
            counts = self._vms.get(row_id(vm))
            if counts is None or counts.allocation is None or not vm.layout_is_known:
                return None
            page_map = self._reader.page_map_at(row_id(vm), counts.reached_t)
            point = backing_point(counts.reached_t, page_map, counts.allocation)
            return Bounds(
                point.stale_private.lower + point.stale_shared.lower,
                point.stale_private.upper + point.stale_shared.upper,
            )
