"""Live recording by the project's bpftrace program, as a supervised child.

The host's events and structs decide which probes the program has; its lines are parsed as they come
(`collector.trace.bpftrace`), and its end, expected or not, ends the recording as what it was.
"""

from collector.capture.bpftrace._live import BpftraceLive

__all__ = [
    "BpftraceLive",
]
