"""`gmemscope collect`: this host's VMs while they run."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.errors import HostError, UsageError
from app.commands.options import Database, Json, open_engine
from app.commands.signals import stopped_by_signals

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from collector.agent import Collected

TRACED = Path("/sys/kernel/tracing/events/syscalls/sys_enter_ioctl")

AUTO = "auto"

Source = Annotated[
    str,
    typer.Option(metavar="SOURCE", help="auto, tracefs or bpftrace; auto says which and why."),
]
Duration = Annotated[
    float | None,
    typer.Option(metavar="S", help="End after S seconds. Default: Ctrl-C or SIGTERM ends it."),
]
Pids = Annotated[
    list[int] | None,
    typer.Option("--pid", metavar="PID", help="Record only this process; may be repeated."),
]


def command(
    source: Source = AUTO,
    duration: Duration = None,
    pid: Pids = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Record the VMs of this host while they run: memslots, guest_memfds, conversions.

    Needs root, and bpftrace to see the contents of calls. Look at the recording with
    `gmemscope serve` meanwhile.
    """
    if duration is not None and duration <= 0:
        raise UsageError("--duration is a positive number of seconds")
    pids = list(pid or ())
    name = choose_source(source, pids)
    with stopped_by_signals() as stop:
        engine = open_engine(database)
        collected = record(engine, name, pids, duration, stop)
    summary = summarise(engine, collected)
    print(json.dumps(summary) if as_json else "\n".join(summary_lines(summary)))
    if collected.problem is not None:
        raise HostError(
            f"{collected.problem}; recording {collected.recording_id} is kept, incomplete"
        )


def choose_source(source: str, pids: list[int]) -> str:
    """The source's name. Raises UsageError or HostError."""
    from collector.sources.choice import SOURCES, choose

    if source not in (AUTO, *SOURCES):
        raise UsageError(f"there is no source {source!r}; there are {', '.join((AUTO, *SOURCES))}")
    require_host(pids)
    if source != AUTO:
        return source
    choice = choose()
    print(f"gmemscope: source {choice.name}: {choice.reason}", file=sys.stderr)
    return choice.name


def require_host(pids: list[int]) -> None:
    """Raises HostError, naming what is missing."""
    if os.geteuid() != 0:
        raise HostError("collecting needs root, to trace the kernel: use sudo")
    if not TRACED.is_dir():
        raise HostError(
            "the kernel's tracing of system calls is not there: mount it "
            "(mount -t tracefs tracefs /sys/kernel/tracing), or the kernel was built without "
            "CONFIG_FTRACE_SYSCALLS"
        )
    for pid in pids:
        if not Path(f"/proc/{pid}").is_dir():
            raise HostError(f"there is no process {pid}")


def record(
    engine: "Engine", name: str, pids: list[int], duration: float | None, stop: "Event"
) -> "Collected":
    from app.store.writer import RecordingWriter
    from collector.agent import collect
    from collector.sources.choice import open_source
    from collector.sources.live import HostCannot, Wishes

    try:
        with open_source(name, Wishes(tuple(pids))) as source:
            source.start(stop)
            return collect(
                source,
                lambda header: RecordingWriter(engine, header, is_live=True),
                stop,
                duration_s=duration,
                report=say_started,
            )
    except HostCannot as error:
        raise HostError(str(error)) from error


def say_started(recording_id: int) -> None:
    print(f"gmemscope: recording {recording_id} has begun; Ctrl-C ends it", file=sys.stderr)


def summarise(engine: "Engine", collected: "Collected") -> dict[str, Any]:
    """What `gmemscope import --json` says of a recording, and what the agent counted."""
    from app.commands.import_ import summarise as summarise_recording

    counters = collected.counters
    summary = summarise_recording(engine, collected.recording_id, counters.lost)
    del summary["already_imported"]
    return summary | {"collector": asdict(counters)}


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    conversions, collector = summary["conversions"], summary["collector"]
    yield (
        f"recording {summary['recording']}: {collector['duration_s']:.1f} s, "
        f"{collector['events']:,} calls, {summary['lost_events']:,} events lost, "
        f"{collector['cpu_s']:.1f} s of CPU"
    )
    yield (
        f"  {conversions['requested']:,} conversions: {conversions['applied']:,} applied, "
        f"{conversions['failed']:,} failed, {conversions['unconfirmed']:,} unconfirmed; "
        f"{conversions['effective_pages']:,} pages changed"
    )
    for vm in summary["vms"]:
        yield f"  vm {vm['id']}: {vm['name']} (pid {vm['pid']})"
    yield f"  {summary['memslots']} memslots"
    yield from (f"  not in this recording: {cost}" for cost in summary["missing"])
