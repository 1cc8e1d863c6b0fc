"""Clocks that recordings have their times by."""

from enum import StrEnum

LINE_NUMBERS = "line number"
"""The clock of a log without times: t is the number of the line."""
NS_PER_LINE = 1000
"""A line is taken for a microsecond."""


class Clock(StrEnum):
    """Those of ftrace (kernel/trace/trace.c, trace_clocks), and what stands in their place."""

    LOCAL = "local"
    GLOBAL = "global"
    COUNTER = "counter"
    UPTIME = "uptime"
    PERF = "perf"
    MONO = "mono"
    MONO_RAW = "mono_raw"
    BOOT = "boot"
    TAI = "tai"
    X86_TSC = "x86-tsc"
    REALTIME = "realtime"
    SIMULATED = "simulated"
    UNKNOWN = "unknown"
    LINE_NUMBER = LINE_NUMBERS
