"""`gmemscope recipe`: how to record a full trace on a host where nothing of ours is installed."""

from enum import StrEnum
from typing import Annotated

import typer

from app.commands.errors import UsageError


class Recorder(StrEnum):
    TRACE_CMD = "trace-cmd"
    BPFTRACE = "bpftrace"
    PERF = "perf"


Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[trace-cmd|bpftrace|perf]",
        help="Print this recorder's program. Default: say what each needs and sees, and how to "
        "use it.",
    ),
]


def command(recorder: Which = None) -> None:
    """Print the commands that record this host's VMs with stock trace-cmd, bpftrace or perf.

    trace-cmd and bpftrace see everything, perf no memslots; without an argument it says which
    needs what. Import what they record with `gmemscope import`.
    """
    from collector.recipes import bpftrace, perf, trace_cmd
    from collector.recipes.choice import COMPARISON

    if recorder is None:
        print(COMPARISON, trace_cmd.HOW_TO, bpftrace.HOW_TO, perf.HOW_TO, sep="\n", end="")
    elif recorder == Recorder.TRACE_CMD:
        print(trace_cmd.SCRIPT, end="")
    elif recorder == Recorder.BPFTRACE:
        print(bpftrace.PROGRAM, end="")
    elif recorder == Recorder.PERF:
        print(perf.SCRIPT, end="")
    else:
        known = ", ".join(Recorder)
        raise UsageError(f"there is no recipe for {recorder!r}; there are {known}")
