"""What recordings come from, by name."""

from enum import StrEnum


class Source(StrEnum):
    """Of a recording, or of a loss in it."""

    TRACE_DAT = "trace.dat"
    BPFTRACE = "bpftrace"
    """A log of it, or the program itself."""
    PERF_SCRIPT = "perf-script"
    TRACE_REPORT = "trace-report"
    TRACE = "trace"
    QEMU = "qemu"
    TRACEFS = "tracefs"
    SIMULATOR = "simulator"
    SIMULATED_RING_BUFFER = "simulated ring buffer"
    SNAPSHOT = "snapshot"
    DAMAGED_DATABASE = "damaged database"
    NOT_RECORDING = "not recording"
    """Between two runs of a recorder."""


FILE_FORMATS = (
    Source.TRACE_DAT,
    Source.BPFTRACE,
    Source.PERF_SCRIPT,
    Source.TRACE_REPORT,
    Source.TRACE,
    Source.QEMU,
)
"""What a file to import may be."""
