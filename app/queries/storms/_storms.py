"""Storms of a VM: bursts of conversions, and of guest page faults (accepts)."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from app.model.events import effect_time
from app.model.guest import LINE_NUMBERS, EventKind
from app.model.stats import (
    BIN_SHIFT,
    Bins,
    Burst,
    BurstRule,
    Bursts,
    EventQuery,
    Instants,
    find_bursts,
    only,
)
from app.queries.choices import StormKind
from app.queries.figures import bounded, consistent_answer, could_hold, row_id
from app.queries.storms._interval_counts import interval_view
from app.queries.storms._interval_view import IntervalView
from app.queries.storms._rules import StormRules
from app.queries.storms._statistics import per_second
from app.queries.storms._storm_list import Baseline, Boot, StormList, StormRow
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.schema import Vm
from app.store.segments import state_of

_KINDS = {
    StormKind.CONVERSIONS: EventKind.CONVERSION,
    StormKind.PAGE_FAULTS: EventKind.PAGE_FAULT,
}
_PREFIXES = {StormKind.CONVERSIONS: "c", StormKind.PAGE_FAULTS: "f"}
_WHOLE_SHIFT = 30
"""Whole intervals of 2^30 ns are borders of the quanta of nearly all summaries."""
_SLICE_BINS = 1 << 14
"""Bins that are counted at once, whether anything is in them or not: 37 minutes, a few MiB."""
_EVENT_BYTES = 48
"""What an event of a storm takes while the storm is counted."""
_EVENTS_PER_BIN = 16
"""Bins are counted by summaries where there are as many events for each, all in all."""
Names = list[str]


class Storms:
    """Finds storms; what was found is kept until the VM has news."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def list(self, vm: Vm, rules: StormRules | None = None) -> StormList:
        rules = rules or StormRules()
        return self._reader.cache.get(
            ("storms", vm.id, vm.revision, self._reader.damage_met(row_id(vm)), rules),
            lambda: consistent_answer(self._reader, row_id(vm), lambda: self._find(vm, rules)),
            version=state_of(row_id(vm), vm.revision),
        )

    def find(self, vm: Vm, storm_id: str, rules: StormRules | None = None) -> StormRow:
        """By id, or by its place in the list from 1. Raises NotFound."""
        storms = self.list(vm, rules).storms
        for place, storm in enumerate(storms, 1):
            if storm_id in (storm.id, str(place)):
                return storm
        raise NotFound(f"VM {vm.id} has no storm {storm_id!r}")

    def facts(self, vm: Vm, storm: StormRow) -> IntervalView:
        """Everything that is counted about a storm: seconds of work if it has millions of calls."""
        return self.interval(vm, storm.from_t, storm.to_t)

    def interval(self, vm: Vm, from_t: int, to_t: int) -> IntervalView:
        """The same of any interval."""
        return self._reader.cache.get(
            self._key(vm, from_t, to_t),
            lambda: self._counted(vm, from_t, to_t),
            version=state_of(row_id(vm), vm.revision),
        )

    def _counted(self, vm: Vm, from_t: int, to_t: int) -> IntervalView:
        events = self._reader.most_events(row_id(vm), from_t, to_t)
        with self._reader.cache.room(events * _EVENT_BYTES):
            return consistent_answer(
                self._reader, row_id(vm), lambda: interval_view(self._reader, vm, from_t, to_t)
            )

    def has_facts(self, vm: Vm, from_t: int, to_t: int) -> bool:
        """Were they counted, so that they are there at once?"""
        return self._reader.cache.holds(self._key(vm, from_t, to_t))

    def _key(self, vm: Vm, from_t: int, to_t: int) -> tuple[object, ...]:
        damage = self._reader.damage_met(row_id(vm))
        return "interval", vm.id, vm.revision, damage, from_t, to_t

    def _find(self, vm: Vm, rules: StormRules) -> StormList:
        if self._reader.recording(vm.recording_id).clock == LINE_NUMBERS:
            return StormList(row_id(vm), [], [], None, None, has_times=False)
        bins = self._bins(vm)
        storms, measured, boot_end_t = [], [], None
        for kind in _KINDS:
            found = self._bursts(vm, kind, bins[kind], rules.of(kind))
            storms += [self._row(vm, kind, bins[kind], burst) for burst in found.bursts]
            measured.append(
                Baseline(
                    kind,
                    found.baseline_rate,
                    found.threshold_rate,
                    rules.of(kind),
                    self._is_recorded(vm, kind),
                )
            )
            if kind is StormKind.CONVERSIONS:
                boot_end_t = found.boot_end_t
        storms.sort(key=lambda storm: (storm.from_t, storm.kind))
        return StormList(row_id(vm), storms, measured, boot_end_t, self._boot(vm, bins, boot_end_t))

    def _boot(self, vm: Vm, bins: dict[StormKind, Bins], end_t: int | None) -> Boot | None:
        """`end_t` is a border of bins, unless the guest was calm at once."""
        if vm.created_t is None or end_t is None or end_t <= vm.created_t:
            return None
        conversions, faults = (
            one.between(one.first, end_t >> BIN_SHIFT)
            for one in (bins[StormKind.CONVERSIONS], bins[StormKind.PAGE_FAULTS])
        )
        failed, changed, least = self._sums(row_id(vm), vm.created_t, end_t)
        return Boot(
            vm.created_t,
            end_t,
            conversions.total,
            failed,
            faults.total if self._is_recorded(vm, StormKind.PAGE_FAULTS) else None,
            conversions.peak,
            changed,
            least,
        )

    def _is_recorded(self, vm: Vm, kind: StormKind) -> bool:
        return could_hold(vm, self._reader.recording(vm.recording_id), _KINDS[kind].name.lower())

    def _bursts(self, vm: Vm, kind: StormKind, bins: Bins, rule: BurstRule) -> Bursts:
        def instants_in(from_t: int, to_t: int) -> Instants:
            return self._instants(row_id(vm), kind, from_t, to_t)

        return find_bursts(bins, instants_in, rule, vm.created_t)

    def _bins(self, vm: Vm) -> dict[StormKind, Bins]:
        """By kind: from summaries, or from the events where these are few for the time."""
        first, last = (t >> BIN_SHIFT for t in self._reader.span(row_id(vm)))
        if last - first >= max(_SLICE_BINS, vm.events // _EVENTS_PER_BIN):
            return {kind: self._bins_of_events(vm, kind, first, last + 1) for kind in _KINDS}
        slices = [
            self._count(vm, start, min(start + _SLICE_BINS, last + 1))
            for start in range(first, last + 1, _SLICE_BINS)
        ]
        return {
            kind: Bins.of_all(first, last + 1, [bins[kind] for bins in slices]) for kind in _KINDS
        }

    def _count(self, vm: Vm, first: int, end: int) -> dict[StormKind, Bins]:
        """From summaries."""
        edges = np.arange(first, end + 1, dtype=np.int64) << BIN_SHIFT
        timeline = self._reader.timeline(row_id(vm), edges)
        return {
            StormKind.CONVERSIONS: Bins.of_dense(first, timeline.requested),
            StormKind.PAGE_FAULTS: Bins.of_dense(first, timeline.page_faults),
        }

    def _bins_of_events(self, vm: Vm, kind: StormKind, first: int, end: int) -> Bins:
        """As much work and memory as there are events, however long they are apart."""
        parts = []
        for instants in self._chunks(row_id(vm), kind, first << BIN_SHIFT, end << BIN_SHIFT):
            at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)
            parts.append(Bins(first, end, at, counts))
        return Bins.of_all(first, end, parts)

    def _chunks(self, vm_id: int, kind: StormKind, from_t: int, to_t: int) -> Iterator[Instants]:
        for some, _ in self._reader.iter_events(vm_id, _query(kind, from_t, to_t)):
            yield effect_time(some)

    def _instants(self, vm_id: int, kind: StormKind, from_t: int, to_t: int) -> Instants:
        return np.concatenate((np.zeros(0, np.int64), *self._chunks(vm_id, kind, from_t, to_t)))

    def _row(self, vm: Vm, kind: StormKind, bins: Bins, burst: Burst) -> StormRow:
        from_t, to_t = burst.from_t, burst.to_t + 1
        _, seqs = self._reader.events(row_id(vm), _query(kind, from_t, to_t), limit=1)
        failed, changed, least = self._sums(row_id(vm), from_t, to_t)
        inside = bins.between(from_t >> BIN_SHIFT, (to_t >> BIN_SHIFT) + 1)
        return StormRow(
            id=f"{_PREFIXES[kind]}{int(seqs[0])}",
            kind=kind,
            from_t=from_t,
            to_t=to_t,
            in_boot=burst.in_boot,
            calls=burst.calls,
            failed=failed if kind is StormKind.CONVERSIONS else 0,
            per_second=per_second(burst.calls, from_t, to_t),
            peak_per_second=inside.peak,
            pages_changed=changed,
            at_least=least,
        )

    def _sums(self, vm_id: int, from_t: int, to_t: int) -> tuple[int, int | None, Names]:
        """(failed conversions, pages that conversions changed, whether that is a lower bound): from
        summaries but for the ends."""
        first, last = -(-from_t >> _WHOLE_SHIFT), to_t >> _WHOLE_SHIFT
        cuts = [first << _WHOLE_SHIFT, last << _WHOLE_SHIFT] if last > first else []
        failed, changed, is_open = 0, 0, False
        for edges in pairwise(dict.fromkeys((from_t, *cuts, to_t))):
            timeline = self._reader.timeline(vm_id, np.array(edges, np.int64))
            failed += int(timeline.failed[0])
            changed += int(timeline.pages_changed[0])
            is_open |= bool(timeline.leaves_open[0])
        name = "pages_changed"
        values, least = bounded({name: changed}, [name] if is_open else [])
        return failed, values[name], least


def _query(kind: StormKind, from_t: int, to_t: int) -> EventQuery:
    """The events that a storm of a kind is made of."""
    return EventQuery(from_t, to_t, where=only(_KINDS[kind]))
