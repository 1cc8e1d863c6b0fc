"""What is stored, counters of the collectors that record now, and the memory of this process, for
Prometheus (text exposition format 0.0.4). Labels: vm, outcome, state, recording."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app.http.dependencies import ReaderOf
from app.model.guest import Totals
from app.queries.figures import totals_view
from app.queries.inventory import behind_ms, conversion_counts
from app.store.read import Reader
from app.store.schema import RecordingState

router = APIRouter(tags=["health"])
CONTENT_TYPE = "text/plain; version=0.0.4"
Samples = Iterator[tuple[str, float]]
"""Labels in braces, and the value."""
Read = Callable[[Reader], Samples]


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(reader: ReaderOf) -> PlainTextResponse:
    """Counters and gauges of what is stored."""
    lines = [line for family in FAMILIES for line in exposition(reader, *family)]
    return PlainTextResponse("".join(f"{line}\n" for line in lines), media_type=CONTENT_TYPE)


def exposition(reader: Reader, name: str, kind: str, meaning: str, read: Read) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in read(reader):
        yield f"{name}{labels} {value}"


def recordings(reader: Reader) -> Samples:
    states = [recording.state for recording in reader.recordings()]
    for state in (RecordingState.WRITING, RecordingState.COMPLETE, RecordingState.INCOMPLETE):
        yield f'{{state="{state}"}}', states.count(state)


def conversions(reader: Reader) -> Samples:
    for vm in reader.vms(include_unattributed=True):
        for outcome in ("applied", "failed", "unconfirmed"):
            yield f'{{vm="{vm.id}",outcome="{outcome}"}}', getattr(vm, outcome)


def counted(name: str) -> Read:
    """A count of conversions by VM, without VMs of which it is not known."""

    def read(reader: Reader) -> Samples:
        for vm in reader.vms(include_unattributed=True):
            value = getattr(conversion_counts([vm]), name)
            if value is not None:
                yield f'{{vm="{vm.id}"}}', value

    return read


def pages(reader: Reader) -> Samples:
    for vm in reader.vms():
        totals = Totals(vm.private_pages, vm.shared_pages, vm.unknown_pages)
        known = totals_view(totals, layout_is_known=vm.layout_is_known)
        for state in ("private", "shared", "unknown"):
            if getattr(known, state) is not None:
                yield f'{{vm="{vm.id}",state="{state}"}}', getattr(known, state)


def lost_events(reader: Reader) -> Samples:
    for recording in reader.recordings():
        yield f'{{recording="{recording.id}"}}', recording.lost_events


def collector_counter(name: str, scale: float = 1) -> Read:
    """Read one of the agent's counters, coverage["collector"], of each live recording."""

    def read(reader: Reader) -> Samples:
        for recording in reader.recordings():
            counted = recording.coverage.get("collector", {})
            if recording.state == RecordingState.WRITING and name in counted:
                yield f'{{recording="{recording.id}"}}', counted[name] * scale

    return read


def collector_lag(reader: Reader) -> Samples:
    """It grows while a collector has no time to store it."""
    for recording in reader.recordings():
        behind = behind_ms(recording) if recording.state == RecordingState.WRITING else None
        if behind is not None:
            yield f'{{recording="{recording.id}"}}', behind / 1e3


def cache_bytes(reader: Reader) -> Samples:
    yield "", reader.cache.held


def cache_limit(reader: Reader) -> Samples:
    yield "", reader.cache.limit


def resident_bytes(_: Reader) -> Samples:
    """By the kernel (proc_pid_statm(5)); nothing where there is no /proc."""
    counted = Path("/proc/self/statm")
    if counted.exists():
        yield "", int(counted.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


FAMILIES: tuple[tuple[str, str, str, Read], ...] = (
    ("gmemscope_recordings", "gauge", "Recordings by state.", recordings),
    ("gmemscope_conversions_total", "counter", "Conversions by what became of them.", conversions),
    (
        "gmemscope_conversions_unknown_direction_total",
        "counter",
        "Applied conversions whose direction is not recorded.",
        counted("to_unknown"),
    ),
    (
        "gmemscope_conversions_uncertain_total",
        "counter",
        "Conversions that leave open which pages they changed.",
        counted("uncertain"),
    ),
    (
        "gmemscope_effective_pages_total",
        "counter",
        "Pages that really changed, at least: see gmemscope_conversions_uncertain_total.",
        counted("effective_pages"),
    ),
    ("gmemscope_pages", "gauge", "Pages in live memslots by state.", pages),
    ("gmemscope_lost_events_total", "counter", "Events known to be lost.", lost_events),
    ("gmemscope_collector_calls_total", "counter", "Calls read.", collector_counter("events")),
    ("gmemscope_collector_read_bytes_total", "counter", "Bytes read.", collector_counter("bytes")),
    (
        "gmemscope_collector_lag_seconds",
        "gauge",
        "How long ago that happened which was stored last.",
        collector_lag,
    ),
    (
        "gmemscope_collector_max_lag_seconds",
        "gauge",
        "The most that it was.",
        collector_counter("max_lag_ns", 1e-9),
    ),
    (
        "gmemscope_collector_waited_seconds_total",
        "counter",
        "How long reading waited for the store.",
        collector_counter("waited_s"),
    ),
    (
        "gmemscope_collector_cpu_seconds_total",
        "counter",
        "CPU of the collector and its children.",
        collector_counter("cpu_s"),
    ),
    (
        "gmemscope_collector_max_memory_bytes",
        "gauge",
        "Most memory of the collector, without its children.",
        collector_counter("max_rss_bytes"),
    ),
    ("gmemscope_cache_bytes", "gauge", "Memory of what is kept to answer faster.", cache_bytes),
    ("gmemscope_cache_limit_bytes", "gauge", "The most that it may be.", cache_limit),
    (
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the dashboard's process.",
        resident_bytes,
    ),
)
