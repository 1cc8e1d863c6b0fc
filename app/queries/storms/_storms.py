"""Storms of a VM: bursts of conversions, and of guest page faults (accepts)."""

from app.model.guest import LINE_NUMBERS
from app.model.stats import BIN_SHIFT, Bins, Burst, find_bursts
from app.queries.choices import StormKind
from app.queries.figures import consistent_answer, row_id
from app.queries.storms._interval_counts import interval_view
from app.queries.storms._interval_view import IntervalView
from app.queries.storms._rules import StormRules
from app.queries.storms._storm_list import Baseline, Boot, StormList, StormRow, kept_storms
from app.queries.storms._storm_reading import KINDS, StormReading
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.schema import Vm
from app.store.segments import state_of

_EVENT_BYTES = 48
"""What an event of a storm takes while the storm is counted."""


class Storms:
    """Finds storms; what was found is kept until the VM has news."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._reading = StormReading(reader)

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
        bins, created_t = self._reading.bins(vm), self._reading.created_t(vm)
        since = self._reading.kept_since(vm)
        storms, boot = kept_storms(self._reader, vm) if since is not None else ([], None)
        measured, boot_end_t = [], None if boot is None else boot.to_t
        for kind in KINDS:
            instants_in = self._reading.instants_in(row_id(vm), kind)
            found = find_bursts(bins[kind], instants_in, rules.of(kind), created_t)
            began = {one.to_t for one in storms if one.kind == kind and since is not None}
            storms += [
                self._row(vm, kind, bins[kind], burst)
                for burst in found.bursts
                if all(burst.from_t >= to_t for to_t in began)
            ]
            measured.append(
                Baseline(
                    kind,
                    found.baseline_rate,
                    found.threshold_rate,
                    rules.of(kind),
                    self._reading.is_recorded(vm, kind),
                )
            )
            if kind is StormKind.CONVERSIONS and created_t is not None:
                boot_end_t = found.boot_end_t
                boot = self._boot(vm, bins, boot_end_t)
        storms.sort(key=lambda storm: (storm.from_t, storm.kind))
        return StormList(row_id(vm), storms, measured, boot_end_t, boot, found_before_t=since)

    def _boot(self, vm: Vm, bins: dict[StormKind, Bins], end_t: int | None) -> Boot | None:
        """`end_t` is a border of bins, unless the guest was calm at once."""
        if vm.created_t is None or end_t is None or end_t <= vm.created_t:
            return None
        conversions, faults = (
            one.between(one.first, end_t >> BIN_SHIFT)
            for one in (bins[StormKind.CONVERSIONS], bins[StormKind.PAGE_FAULTS])
        )
        failed, changed, least = self._reading.sums(row_id(vm), vm.created_t, end_t)
        return Boot(
            vm.created_t,
            end_t,
            conversions.total,
            failed,
            faults.total if self._reading.is_recorded(vm, StormKind.PAGE_FAULTS) else None,
            conversions.peak,
            changed,
            least,
        )

    def _row(self, vm: Vm, kind: StormKind, bins: Bins, burst: Burst) -> StormRow:
        last = (burst.to_t + 1) >> BIN_SHIFT
        peak = bins.between(burst.from_t >> BIN_SHIFT, last + 1).peak
        return self._reading.row(vm, kind, burst, peak)
