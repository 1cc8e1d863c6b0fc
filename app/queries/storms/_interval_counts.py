"""An interval of time in full: what a storm's page, a brushed selection and a report show of it."""

from collections.abc import Sequence

import numpy as np

from app.model.events import EventArray, Window
from app.model.guest import PAGE_SHIFT, EventKind, Memslot
from app.model.stats import (
    Breakdowns,
    Dimension,
    EventQuery,
    IntervalCounts,
    SlotRange,
    differences,
    only,
)
from app.queries.events import alike, errno_name, where_failed, why_failed
from app.queries.figures import is_recorded, row_id, totals_view
from app.queries.inventory import loss_view, memslot_view
from app.queries.storms._breakdown_tables import Slots, breakdown, difference_row
from app.queries.storms._details import (
    BreakerView,
    FailureExample,
    FailureReason,
    FailureView,
    LatencyBucket,
    TouchedSlot,
)
from app.queries.storms._interval_view import (
    BeforeView,
    CallsView,
    HugePagesView,
    IntervalView,
    LatencyView,
    PagesView,
)
from app.queries.storms._ping_pong_runs import ping_pong
from app.queries.storms._statistics import Counted, count, per_second
from app.store.read import Reader
from app.store.schema import Vm

RUNS_SHOWN = 50
EXAMPLES_SHOWN = 5
REASONS_SHOWN = 10
DIFFERENCES_SHOWN = 12
SLOTS_SHOWN = 100


def interval_view(reader: Reader, vm: Vm, from_t: int, to_t: int) -> IntervalView:
    """Count [from_t, to_t). Raises ValueError if that is empty, NotKept if its events have gone."""
    if to_t <= from_t:
        raise ValueError(f"{to_t} is not after {from_t}")
    vm_id = row_id(vm)
    reader.require_kept(vm_id, from_t, to_t)
    slots = _slots_alive(reader, vm_id, from_t, to_t)
    ranges = tuple(SlotRange(slot.base_gfn, slot.end_gfn) for slot in slots)
    named = slots if vm.layout_is_known else None
    found = _add_up(reader, vm_id, from_t, to_t, ranges)
    start = max(from_t - (to_t - from_t), reader.kept_since(vm_id, from_t))
    map_before = reader.page_map_at(vm_id, from_t - 1)
    map_after = reader.page_map_at(vm_id, to_t - 1, after=from_t - 1)
    losses = reader.losses(vm.recording_id, from_t, to_t)
    breakdowns = found.breakdowns
    coverage = reader.recording(vm.recording_id).coverage
    not_recorded = [
        kind.name.lower()
        for kind in EventKind
        if kind not in found.others and not is_recorded(coverage, kind.name.lower())
    ]
    counted = Counted(
        found,
        from_t,
        to_t,
        map_before,
        map_after,
        layout_is_known=vm.layout_is_known,
        holes_are_missing="punch_hole" in not_recorded,
    )
    return count(
        IntervalView,
        counted,
        vm=vm_id,
        from_t=from_t,
        to_t=to_t,
        calls=count(CallsView, counted),
        pages=count(PagesView, counted),
        latency=count(LatencyView, counted, buckets=_buckets(found)),
        by=[breakdown(d, breakdowns.by[d], breakdowns.calls, named) for d in Dimension],
        failures=_failures(found, named),
        ping_pong=ping_pong(reader, vm_id, found.flip_runs[:RUNS_SHOWN], from_t, to_t),
        huge_pages=count(HugePagesView, counted, breakers=_breakers(reader, vm_id, found)),
        events={kind.name.lower(): number for kind, number in found.others.items()},
        memslots=[memslot_view(slot) for slot in slots[:SLOTS_SHOWN]],
        touched=_touched(breakdowns, slots),
        losses=[loss_view(loss) for loss in losses],
        state_before=totals_view(map_before.totals(), layout_is_known=vm.layout_is_known),
        state_after=totals_view(map_after.totals(), layout_is_known=vm.layout_is_known),
        not_recorded=not_recorded,
        before=_before(reader, vm_id, breakdowns, named, (start, from_t)),
    )


def _slots_alive(reader: Reader, vm_id: int, from_t: int, to_t: int) -> list[Memslot]:
    """Memslots by gfn; of those that followed each other at a place, the first."""
    alive = [slot for slot in reader.memslots(vm_id) if slot.was_alive_in(from_t, to_t)]
    alive.sort(key=lambda slot: (slot.base_gfn, slot.from_t))
    slots: list[Memslot] = []
    for slot in alive:
        if not slots or slot.base_gfn >= slots[-1].end_gfn:
            slots.append(slot)
    return slots


def _add_up(
    reader: Reader, vm_id: int, from_t: int, to_t: int, slots: tuple[SlotRange, ...]
) -> IntervalCounts:
    counts = IntervalCounts(slots)
    for changes in reader.iter_changes(vm_id, Window(from_t, to_t)):
        counts.add_changes(changes)
    for events, seqs in reader.iter_events(vm_id, EventQuery(from_t, to_t)):
        counts.add_events(events, seqs)
    return counts


def _buckets(found: IntervalCounts) -> list[LatencyBucket]:
    by_power = found.latencies.by_power if found.latencies is not None else ()
    return [LatencyBucket(2 << i, calls) for i, calls in enumerate(by_power) if calls]


def _failures(found: IntervalCounts, slots: Slots) -> list[FailureView]:
    counted = found.breakdowns.by[Dimension.ERRNO]
    views = [
        FailureView(
            errno=number,
            name=errno_name(number),
            calls=counted[number].failed,
            reasons=[_reason(calls[some], slots) for some in alike(calls, slots)[:REASONS_SHOWN]],
            examples=[_example(call, slots) for call in calls[:EXAMPLES_SHOWN]],
        )
        for number, calls in found.failures.items()
    ]
    return sorted(views, key=lambda view: -view.calls)


def _reason(calls: EventArray, slots: Slots) -> FailureReason:
    return FailureReason(
        why=why_failed(calls[0]),
        where=where_failed(calls[0], slots),
        calls=len(calls),
        first_t=int(calls["t"][0]),
        last_t=int(calls["t"][-1]),
    )


def _example(call: np.void, slots: Slots) -> FailureExample:
    gpa, size = _range_of(call)
    return FailureExample(
        t=int(call["t"]),
        gpa=gpa,
        size=size,
        tid=int(call["tid"]),
        why=why_failed(call),
        where=where_failed(call, slots),
    )


def _touched(breakdowns: Breakdowns, slots: Sequence[Memslot]) -> list[TouchedSlot]:
    counted = breakdowns.by[Dimension.MEMSLOT].items()
    touched = [
        count(TouchedSlot, sums, memslot=memslot_view(slots[i])) for i, sums in counted if i >= 0
    ]
    return sorted(touched, key=lambda one: (-one.calls, one.memslot.base_gfn))[:SLOTS_SHOWN]


def _range_of(call: np.void) -> tuple[str | None, int | None]:
    """(gpa, bytes) as they were asked for."""
    if not call["range_certainty"]:
        return None, None
    gpa = (int(call["gfn"]) << PAGE_SHIFT) | int(call["address_low"])
    return hex(gpa), (int(call["npages"]) << PAGE_SHIFT) | int(call["size_low"])


def _breakers(reader: Reader, vm_id: int, found: IntervalCounts) -> list[BreakerView]:
    views = []
    for breaker in found.breakers:
        events, _ = reader.events(vm_id, after_seq=breaker.event - 1, limit=1)
        call = events[0]
        gpa, size = _range_of(call)
        views.append(
            BreakerView(
                seq=breaker.event,
                t=int(call["t"]),
                gpa=gpa,
                size=size,
                tid=int(call["tid"]),
                times=breaker.times,
                blocks=breaker.blocks,
            )
        )
    return views


def _before(
    reader: Reader,
    vm_id: int,
    during: Breakdowns,
    slots: Slots,
    interval: tuple[int, int],
) -> BeforeView:
    start, end = interval
    breakdowns = Breakdowns(during.slots)
    if end > start:
        conversions = EventQuery(start, end, where=only(EventKind.CONVERSION))
        for events, _ in reader.iter_events(vm_id, conversions):
            breakdowns.add(events, np.zeros(len(events), np.bool_))  # only calls are compared
    found = differences(during, breakdowns)[:DIFFERENCES_SHOWN]
    return BeforeView(
        from_t=start,
        to_t=end,
        requested=breakdowns.calls,
        per_second=per_second(breakdowns.calls, start, end) if end > start else None,
        differences=[difference_row(d, during.by[d.dimension].keys(), slots) for d in found],
    )
