"""What monitoring counts of recordings while they are written: conversions by what they were, how
long they took, and what may lie twice.

A counter begins when the dashboard first looks at a recording; of one that begins later it has all.
Each event is given once, by `app.queries.live`.
"""

from app.queries.counters._latencies import SCHEMA, NativeBuckets
from app.queries.counters._live_counts import CallClass, LiveCounts

__all__ = [
    "SCHEMA",
    "CallClass",
    "LiveCounts",
    "NativeBuckets",
]
