"""How to record a full trace on a host where nothing of ours is installed: commands for trace-cmd,
perf and bpftrace.

Each program is text made from the rows of `collector.kvm.catalogue`; what it writes is a file that
`collector.importing` reads.
"""

from collector.recipes import (
    _bpftrace as bpftrace,
    _perf as perf,
    _processes as processes,
    _trace_cmd as trace_cmd,
)
from collector.recipes._bpftrace import FIRST_LINE, Narrowing, Program, live_program
from collector.recipes._bpftrace_observations import FAULTS, backing
from collector.recipes._bpftrace_probe import Watch
from collector.recipes._choice import COMPARISON
from collector.recipes._processes import ENDING, PROCESSES_FIRST_LINE

__all__ = [
    "COMPARISON",
    "ENDING",
    "FAULTS",
    "FIRST_LINE",
    "PROCESSES_FIRST_LINE",
    "Narrowing",
    "Program",
    "Watch",
    "backing",
    "bpftrace",
    "live_program",
    "perf",
    "processes",
    "trace_cmd",
]
