"""Live recording from the ring buffers of a tracing instance of our own; nothing of it stays
behind.

An instance with its events, filters and probes is made, full sub-buffers of each CPU are decoded as
those of a trace.dat are, merged by time and paired. What a killed process left is found by its
owner's name. Armed, the instance records over what it recorded and nobody reads it; a second, tiny
one counts conversions.
"""

from collector.capture.tracefs._armed import TracefsArmed
from collector.capture.tracefs._left_behind import TRACEFS, left_behind, remove_left_behind
from collector.capture.tracefs._live import TracefsLive
from collector.capture.tracefs._probes import tried

__all__ = [
    "TRACEFS",
    "TracefsArmed",
    "TracefsLive",
    "left_behind",
    "remove_left_behind",
    "tried",
]
