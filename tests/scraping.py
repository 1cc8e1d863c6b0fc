"""What Prometheus reads of a dashboard."""

from prometheus_client.parser import text_string_to_metric_families as plain_text

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples_in(text: str) -> Samples:
    """By name and labels. Prometheus refuses what is there twice: so does this."""
    found: Samples = {}
    for family in plain_text(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, key
            found[key] = sample.value
    return found


def of(found: Samples, metric: str, /, **labels: str) -> float | None:
    return found.get((metric, frozenset(labels.items())))
