"""What `/metrics` has: each family with its meaning, and where its samples come from.

A sample that is not known is left out: it is never 0.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from app.api.monitoring._guests import Guest, guests
from app.model.guest import PAGE_SIZE, Totals
from app.queries.choices import StormKind
from app.queries.counters import CallClass, LiveCounts, NativeBuckets
from app.queries.figures import totals_view
from app.queries.inventory import behind_ms, conversion_counts
from app.queries.live import LiveStorm, LiveStorms
from app.store.read import Reader
from app.store.schema import Recording, RecordingState

Value = float | NativeBuckets
Samples = Iterator[tuple[dict[str, str], Value]]
"""Labels, and the value."""


@dataclass(frozen=True)
class Monitored:
    """What is there at one scrape."""

    reader: Reader
    live: LiveStorms
    counts: LiveCounts

    @cached_property
    def recordings(self) -> list[Recording]:
        return self.reader.recordings()

    @cached_property
    def guests(self) -> list[Guest]:
        return guests(self.reader)

    @cached_property
    def hosts(self) -> dict[int, str]:
        return {host.id: host.name for host in self.reader.hosts()}

    def labels_of(self, recording: Recording) -> dict[str, str]:
        return {"recording": recording.uuid, "host": self.hosts[recording.host_id]}


class Family(NamedTuple):
    """Some samples of one name; a counter's name is without the `_total` of its samples."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[Monitored], Samples]


def recordings(seen: Monitored) -> Samples:
    states = [recording.state for recording in seen.recordings]
    for state in (RecordingState.WRITING, RecordingState.COMPLETE, RecordingState.INCOMPLETE):
        yield {"state": str(state)}, states.count(state)


def conversions(seen: Monitored) -> Samples:
    for guest in seen.guests:
        counts = conversion_counts(guest.vms)
        for outcome in ("applied", "failed", "unconfirmed"):
            yield guest.labels | {"outcome": outcome}, getattr(counts, outcome)


def counted(name: str) -> Callable[[Monitored], Samples]:
    """A count of conversions, without guests of which it is not known."""

    def read(seen: Monitored) -> Samples:
        for guest in seen.guests:
            value = getattr(conversion_counts(guest.vms), name)
            if value is not None:
                yield guest.labels, value

    return read


def live_conversions(seen: Monitored) -> Samples:
    for guest in seen.guests:
        total = Counter[CallClass]()
        for vm_id in guest.ids:
            total.update(seen.counts.calls(vm_id) or {})
        for (direction, outcome, cause), calls in total.items():
            what = {"direction": direction, "outcome": outcome, "cause": cause}
            words = {name: code.name.lower() for name, code in what.items()}
            yield guest.labels | words, calls


def latencies(seen: Monitored) -> Samples:
    for guest in seen.guests:
        known = [one for vm_id in guest.ids if (one := seen.counts.latencies(vm_id)) is not None]
        if known:
            both = known[0]
            for one in known[1:]:
                both = both.merged(one)
            yield guest.labels, both


def pages(seen: Monitored) -> Samples:
    for guest in seen.guests:
        vms = [vm for vm in guest.latest if not vm.is_unattributed]
        for state in ("private", "shared", "unknown") if vms else ():
            views = [
                totals_view(
                    Totals(vm.private_pages, vm.shared_pages, vm.unknown_pages),
                    layout_is_known=vm.layout_is_known,
                )
                for vm in vms
            ]
            known = [getattr(view, state) for view in views]
            if None not in known:
                yield guest.labels | {"state": state}, sum(known)


def double_allocated(seen: Monitored) -> Samples:
    for guest in seen.guests:
        bounds = [seen.counts.double_allocated_pages(vm) for vm in guest.latest]
        known = [one for one in bounds if one is not None]
        if known and len(known) == len(bounds):
            for bound in ("lower", "upper"):
                both = sum(getattr(one, bound) for one in known)
                yield guest.labels | {"bound": bound}, both * PAGE_SIZE


def storms(is_meant: Callable[[LiveStorm], bool]) -> Callable[[Monitored], Samples]:
    """How many storms are meant, by kind; of a guest that nobody looked at, nothing."""

    def read(seen: Monitored) -> Samples:
        for guest in seen.guests:
            found = [seen.live.of_vm(vm_id) for vm_id in guest.ids]
            known = [storm for of_vm in found for storm in of_vm or ()]
            for kind in StormKind if any(of_vm is not None for of_vm in found) else ():
                meant = [storm for storm in known if storm.kind is kind and is_meant(storm)]
                yield guest.labels | {"kind": str(kind)}, len(meant)

    return read


def lost_events(seen: Monitored) -> Samples:
    for recording in seen.recordings:
        yield seen.labels_of(recording), recording.lost_events


def losses(seen: Monitored) -> Samples:
    for recording in seen.recordings:
        yield seen.labels_of(recording), recording.losses


def collector_counter(name: str, scale: float = 1) -> Callable[[Monitored], Samples]:
    """Read one of the agent's counters, coverage["collector"], of each live recording."""

    def read(seen: Monitored) -> Samples:
        for recording in seen.recordings:
            counters = recording.coverage.get("collector", {})
            if recording.state == RecordingState.WRITING and name in counters:
                yield seen.labels_of(recording), counters[name] * scale

    return read


def collector_lag(seen: Monitored) -> Samples:
    """It grows while a collector has no time to store it."""
    for recording in seen.recordings:
        behind = behind_ms(recording) if recording.state == RecordingState.WRITING else None
        if behind is not None:
            yield seen.labels_of(recording), behind / 1e3


def cache_bytes(seen: Monitored) -> Samples:
    yield {}, seen.reader.cache.held


def cache_limit(seen: Monitored) -> Samples:
    yield {}, seen.reader.cache.limit


def resident_bytes(_: Monitored) -> Samples:
    """By the kernel (proc_pid_statm(5)); nothing where there is no /proc."""
    of_process = Path("/proc/self/statm")
    if of_process.exists():
        yield {}, int(of_process.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


FAMILIES = (
    Family("gmemscope_recordings", "gauge", "Recordings by state.", recordings),
    Family("gmemscope_conversions", "counter", "Conversions by what became of them.", conversions),
    Family(
        "gmemscope_conversions_unknown_direction",
        "counter",
        "Applied conversions whose direction is not recorded.",
        counted("to_unknown"),
    ),
    Family(
        "gmemscope_conversions_uncertain",
        "counter",
        "Conversions that leave open which pages they changed.",
        counted("uncertain"),
    ),
    Family(
        "gmemscope_effective_pages",
        "counter",
        "Pages that really changed, at least: see gmemscope_conversions_uncertain_total.",
        counted("effective_pages"),
    ),
    Family(
        "gmemscope_live_conversions",
        "counter",
        "Conversions by what they were, since this dashboard looks at the recording.",
        live_conversions,
    ),
    Family(
        "gmemscope_conversion_latency_seconds",
        "histogram",
        "Time inside conversions whose end was seen, since this dashboard looks.",
        latencies,
    ),
    Family("gmemscope_pages", "gauge", "Pages in live memslots by state.", pages),
    Family(
        "gmemscope_double_allocated_bytes",
        "gauge",
        "Memory that lies twice, private in a guest_memfd and shared: at least and at most.",
        double_allocated,
    ),
    Family(
        "gmemscope_storms_running",
        "gauge",
        "Storms that go on in what is recorded now.",
        storms(lambda storm: not storm.is_over),
    ),
    Family(
        "gmemscope_storms",
        "counter",
        "Storms of recordings that were written while this dashboard looked.",
        storms(lambda storm: True),
    ),
    Family("gmemscope_lost_events", "counter", "Events known to be lost.", lost_events),
    Family("gmemscope_losses", "counter", "Gaps, of which some name no count.", losses),
    Family("gmemscope_collector_calls", "counter", "Calls read.", collector_counter("events")),
    Family("gmemscope_collector_read_bytes", "counter", "Bytes read.", collector_counter("bytes")),
    Family(
        "gmemscope_collector_lag_seconds",
        "gauge",
        "How long ago that happened which was stored last.",
        collector_lag,
    ),
    Family(
        "gmemscope_collector_max_lag_seconds",
        "gauge",
        "The most that it was.",
        collector_counter("max_lag_ns", 1e-9),
    ),
    Family(
        "gmemscope_collector_waited_seconds",
        "counter",
        "How long reading waited for the store.",
        collector_counter("waited_s"),
    ),
    Family(
        "gmemscope_collector_cpu_seconds",
        "counter",
        "CPU of the collector and its children.",
        collector_counter("cpu_s"),
    ),
    Family(
        "gmemscope_collector_max_memory_bytes",
        "gauge",
        "Most memory of the collector, without its children.",
        collector_counter("max_rss_bytes"),
    ),
    Family(
        "gmemscope_cache_bytes", "gauge", "Memory of what is kept to answer faster.", cache_bytes
    ),
    Family("gmemscope_cache_limit_bytes", "gauge", "The most that it may be.", cache_limit),
    Family(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the dashboard's process.",
        resident_bytes,
    ),
)
