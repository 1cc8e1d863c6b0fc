"""`gmemscope recipe`: how to record a full trace on a host where nothing of ours is installed."""

from enum import StrEnum
from typing import Annotated

import typer

from app.commands.errors import UsageError


class Recorder(StrEnum):
    TRACE_CMD = "trace-cmd"
    BPFTRACE = "bpftrace"


Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[trace-cmd|bpftrace]",
        help="Print this recorder's program. Default: say how to use each.",
    ),
]


def command(recorder: Which = None) -> None:
    """Print the commands that record everything with stock trace-cmd or bpftrace."""
    from collector.recipes import bpftrace, trace_cmd

    if recorder is None:
        print(f"{trace_cmd.HOW_TO}\n{bpftrace.HOW_TO}", end="")
    elif recorder == Recorder.TRACE_CMD:
        print(trace_cmd.SCRIPT, end="")
    elif recorder == Recorder.BPFTRACE:
        print(bpftrace.PROGRAM, end="")
    else:
        raise UsageError(f"there is no recipe for {recorder!r}; there are trace-cmd and bpftrace")
