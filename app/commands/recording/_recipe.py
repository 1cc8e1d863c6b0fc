"""`gmemscope recipe`: how to record a full trace on a host where nothing of ours is installed."""

from enum import StrEnum
from typing import Annotated

import typer

from app.errors import UsageError


class Recorder(StrEnum):
    TRACE_CMD = "trace-cmd"
    BPFTRACE = "bpftrace"
    PERF = "perf"
    PROCESSES = "processes"


Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[trace-cmd|bpftrace|perf|processes]",
        help="Print this recorder's program; processes: one that names the processes beside a "
        "trace. Default: print what each needs and sees, and how to use it.",
    ),
]


def command(recorder: Which = None) -> None:
    """Print the commands that record this host's VMs with stock trace-cmd, bpftrace or perf.

    trace-cmd and bpftrace see everything, perf no memslots; without an argument it prints which
    needs what. Import what they record with `gmemscope import`.
    """
    from collector.recipes import COMPARISON, bpftrace, perf, processes, trace_cmd

    if recorder is None:
        how_to = (trace_cmd.HOW_TO, bpftrace.HOW_TO, perf.HOW_TO, processes.HOW_TO)
        print(COMPARISON, *how_to, sep="\n", end="")
    elif recorder == Recorder.TRACE_CMD:
        print(trace_cmd.SCRIPT, end="")
    elif recorder == Recorder.BPFTRACE:
        print(bpftrace.PROGRAM, end="")
    elif recorder == Recorder.PERF:
        print(perf.SCRIPT, end="")
    elif recorder == Recorder.PROCESSES:
        print(processes.SCRIPT, end="")
    else:
        known = ", ".join(Recorder)
        raise UsageError(f"there is no recipe for {recorder!r}; there are {known}")
