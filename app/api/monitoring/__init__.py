"""For operators: whether the dashboard lives, its counters for Prometheus, and its news stream.

Counters come from the rows of recordings and from those that collectors write of themselves; the
stream repeats what the one watcher of the database (`app.http.feed`) sees change.
"""

from app.api.monitoring import _health as health, _metrics as metrics, _stream as stream

__all__ = [
    "health",
    "metrics",
    "stream",
]
