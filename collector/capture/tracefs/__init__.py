"""Live recording from the ring buffers of a tracing instance of our own; nothing of it stays
behind.
"""

from collector.capture.tracefs._left_behind import TRACEFS, left_behind, remove_left_behind
from collector.capture.tracefs._live import TracefsLive
from collector.capture.tracefs._probes import tried

__all__ = [
    "TRACEFS",
    "TracefsLive",
    "left_behind",
    "remove_left_behind",
    "tried",
]
