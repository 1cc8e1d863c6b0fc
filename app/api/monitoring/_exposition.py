"""Families as Prometheus reads them: the client library writes them."""

import re
from collections.abc import Iterator

from prometheus_client.core import (
    BucketSpan,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    NativeHistogram,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.api.monitoring._families import FAMILIES, Family, Monitored, Value
from app.queries.counters import SCHEMA, NativeBuckets

_KINDS = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}
_OPEN_METRICS = re.compile(r"application/openmetrics-text[^,]*version=(\d+)")
NATIVE_SINCE = 2


def exposition(seen: Monitored, accept: str) -> tuple[bytes, str]:
    """(what is there, its media type)."""
    asked = _OPEN_METRICS.search(accept)
    encode, media_type = choose_encoder(accept)
    is_native = asked is not None and int(asked[1]) >= NATIVE_SINCE
    return encode(Families(seen, is_native=is_native)), media_type


class Families(Collector):
    """All families at one scrape. A native histogram takes the place of a classic one where the
    format has it."""

    def __init__(self, seen: Monitored, *, is_native: bool) -> None:
        self._seen = seen
        self._is_native = is_native

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES:
            yield self._metric(family)

    def _metric(self, family: Family) -> Metric:
        metric: Metric = _KINDS[family.kind](family.name, family.meaning)
        suffix = "_total" if family.kind == "counter" else ""
        for labels, value in family.read(self._seen):
            self._add(metric, family.name + suffix, labels, value)
        return metric

    def _add(self, metric: Metric, name: str, labels: dict[str, str], value: Value) -> None:
        if not isinstance(value, NativeBuckets):
            metric.add_sample(name, labels, value)
        elif self._is_native:
            metric.add_sample(name, labels, 0, native_histogram=native(value))
        else:
            for end_s, within in value.classic():
                metric.add_sample(f"{name}_bucket", labels | {"le": repr(end_s)}, within)
            metric.add_sample(f"{name}_bucket", labels | {"le": "+Inf"}, value.count)
            metric.add_sample(f"{name}_count", labels, value.count)
            metric.add_sample(f"{name}_sum", labels, value.total_ns / 1e9)


def native(buckets: NativeBuckets) -> NativeHistogram:
    spans, deltas = buckets.spans()
    return NativeHistogram(
        count_value=buckets.count,
        sum_value=buckets.total_ns / 1e9,
        schema=SCHEMA,
        zero_threshold=0,
        zero_count=buckets.zero_count,
        pos_spans=[BucketSpan(*span) for span in spans],
        pos_deltas=deltas,
    )
