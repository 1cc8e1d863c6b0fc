"""For operators: whether the dashboard lives, its counters for Prometheus, and its news stream."""

from app.api.monitoring import _health as health, _metrics as metrics, _stream as stream

__all__ = [
    "health",
    "metrics",
    "stream",
]
