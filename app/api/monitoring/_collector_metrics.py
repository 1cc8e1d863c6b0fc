"""Counters of the collectors that record now, for Prometheus. Label: recording."""

from collections.abc import Callable, Iterator

from app.queries.inventory import behind_ms
from app.store.read import Reader
from app.store.schema import RecordingState

Samples = Iterator[tuple[str, float]]
Read = Callable[[Reader], Samples]


def counter(name: str, scale: float = 1) -> Read:
    """Read one of the agent's counters, coverage["collector"], of each live recording."""

    def read(reader: Reader) -> Samples:
        for recording in reader.recordings():
            counted = recording.coverage.get("collector", {})
            if recording.state == RecordingState.WRITING and name in counted:
                yield f'{{recording="{recording.id}"}}', counted[name] * scale

    return read


def lag(reader: Reader) -> Samples:
    """It grows while a collector has no time to store it."""
    for recording in reader.recordings():
        behind = behind_ms(recording) if recording.state == RecordingState.WRITING else None
        if behind is not None:
            yield f'{{recording="{recording.id}"}}', behind / 1e3


FAMILIES: tuple[tuple[str, str, str, Read], ...] = (
    ("gmemscope_collector_calls_total", "counter", "Calls read.", counter("events")),
    ("gmemscope_collector_read_bytes_total", "counter", "Bytes read.", counter("bytes")),
    (
        "gmemscope_collector_lag_seconds",
        "gauge",
        "How long ago that happened which was stored last.",
        lag,
    ),
    (
        "gmemscope_collector_max_lag_seconds",
        "gauge",
        "The most that it was.",
        counter("max_lag_ns", 1e-9),
    ),
    (
        "gmemscope_collector_waited_seconds_total",
        "counter",
        "How long reading waited for the store.",
        counter("waited_s"),
    ),
    (
        "gmemscope_collector_cpu_seconds_total",
        "counter",
        "CPU of the collector and its children.",
        counter("cpu_s"),
    ),
    (
        "gmemscope_collector_max_memory_bytes",
        "gauge",
        "Most memory of the collector, without its children.",
        counter("max_rss_bytes"),
    ),
)
