"""Live recording by the project's bpftrace program, as a supervised child."""

from collector.capture.bpftrace._live import BpftraceLive

__all__ = [
    "BpftraceLive",
]
