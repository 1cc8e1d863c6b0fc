"""`gmemscope collect`: this host's VMs while they run."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.usage import Database, Json, open_engine, stopped_by_signals
from app.errors import HostError, UsageError

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from collector.capture.agent import Collected, Context
    from collector.capture.live import LiveOptions
    from collector.vm_inventory import Inventory

TRACED = Path("/sys/kernel/tracing/events")

AUTO = "auto"
Source = Annotated[
    str,
    typer.Option(metavar="SOURCE", help="auto, tracefs or bpftrace; auto prints which and why."),
]
Duration = Annotated[
    float | None,
    typer.Option(metavar="S", help="End after S seconds. Default: Ctrl-C or SIGTERM ends it."),
]
Pids = Annotated[
    list[int] | None,
    typer.Option("--pid", metavar="PID", help="Record only this process; may be repeated."),
]
Qmp = Annotated[
    list[Path] | None,
    typer.Option(
        "--qmp",
        metavar="PATH",
        help="Ask the QEMU with this QMP socket for its memslots at the start; may be repeated.",
    ),
]
Backing = Annotated[
    bool,
    typer.Option(
        "--backing", help="Also record each page that a guest_memfd gains or loses: a flood."
    ),
]
Faults = Annotated[
    bool, typer.Option("--faults", help="Also record guest page faults and unmaps: floods.")
]


def command(
    source: Source = AUTO,
    duration: Duration = None,
    pid: Pids = None,
    backing: Backing = False,
    faults: Faults = False,
    qmp: Qmp = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Record the VMs of this host while they run: memslots, guest_memfds, conversions.

    Needs root to begin, and goes on with less. `gmemscope doctor` lists what this host can show.
    Look at the recording with `gmemscope serve` meanwhile. A storm is a line on stderr when it
    begins, and one when it has ended.
    """
    # numpy's own threads would keep the privileges of this one (collector.capture.privileges).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pyarrow's own allocator keeps what it was asked for once.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from collector.capture.live import LiveOptions

    if duration is not None and duration <= 0:
        raise UsageError("--duration is a positive number of seconds")
    options = LiveOptions(tuple(pid or ()), backing=backing, faults=faults)
    name = choose_source(source, options)
    with stopped_by_signals() as stop:
        migrate_apart(database)
        engine = open_engine(database)
        try:
            refuse_second_writer(engine)
            collected = record(engine, name, options, tuple(qmp or ()), duration, stop)
            summary = summarise(engine, collected)
        finally:
            engine.dispose()  # what only its owner can remove beside it is removed now
    print(json.dumps(summary) if as_json else "\n".join(summary_lines(summary)))
    if collected.problem is not None:
        raise HostError(
            f"{collected.problem}; recording {collected.recording_id} is kept, incomplete"
        )


def choose_source(source: str, options: "LiveOptions") -> str:
    """The source's name. Raises UsageError or HostError."""
    from collector.capture.choice import SOURCES, choose
    from collector.capture.privileges import missing_for

    if source not in (AUTO, *SOURCES):
        raise UsageError(f"there is no source {source!r}; there are {', '.join((AUTO, *SOURCES))}")
    asked = SOURCES if source == AUTO else (source,)
    missing = {name: lacking for name in asked if (lacking := missing_for(name))}
    if len(missing) == len(asked):
        lacks = "; ".join(f"by {name}: {' and '.join(what)}" for name, what in missing.items())
        raise HostError(f"this process lacks what recording needs ({lacks}): use sudo")
    require_host(options.pids)
    if source != AUTO:
        return source
    if missing:
        (name,) = set(asked) - set(missing)
        reason = "; ".join(f"{other} lacks {' and '.join(missing[other])}" for other in missing)
    else:
        choice = choose()
        name, reason = choice.name, choice.reason
    print(f"gmemscope: source {name}: {reason}", file=sys.stderr)
    return name


def require_host(pids: tuple[int, ...]) -> None:
    """Raises HostError, naming what is missing."""
    from collector.kvm.catalogue import IOCTL_ENTER

    if not (TRACED / IOCTL_ENTER.points[0].replace(":", "/")).is_dir():
        raise HostError(
            "the kernel's tracing of system calls is not there: mount it "
            "(mount -t tracefs tracefs /sys/kernel/tracing), or the kernel was built without "
            "CONFIG_FTRACE_SYSCALLS"
        )
    for pid in pids:
        if not Path(f"/proc/{pid}").is_dir():
            raise HostError(f"there is no process {pid}")


def migrate_apart(database: str | None) -> None:
    """Create or migrate it in a child: Alembic would stay in the agent's memory, 12 MB of it.

    Whatever goes wrong there goes wrong again, and is reported, when the agent opens the database.
    """
    from app.store.database import opening as _imported_before_the_fork  # noqa: F401

    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            open_engine(database)
        os._exit(0)
    os.waitpid(child, 0)


def refuse_second_writer(engine: "Engine") -> None:
    """Before anything is traced. Raises WriterBusy."""
    from app.store.database import WriterLock

    with WriterLock(engine):
        pass


def record(
    engine: "Engine",
    name: str,
    options: "LiveOptions",
    qmp: tuple[Path, ...],
    duration: float | None,
    stop: "Event",
) -> "Collected":
    from collector.capture.agent import CLOCKS, collect
    from collector.capture.choice import open_source
    from collector.capture.inventory import scan
    from collector.capture.live import HostCannot

    try:
        with open_source(name, options) as source:
            source.start(stop)
            found = scan(options.pids, CLOCKS[source.describe().clock], qmp)
            context = drop_privileges(engine, name, found)
            # They bring threads: only now.
            from app.commands.recording._storm_journal import StormJournal
            from app.store.write import RecordingWriter

            with StormJournal(engine, print_line):
                return collect(
                    source,
                    lambda header: RecordingWriter(engine, header, is_live=True),
                    stop,
                    context,
                    duration_s=duration,
                    report=print_started,
                    notify=print_line,
                )
    except HostCannot as error:
        raise HostError(str(error)) from error


def drop_privileges(engine: "Engine", name: str, found: "Inventory") -> "Context":
    """Note what the host is, then give up what only looking at it needed."""
    from app.store.database import place_of, stay_able_to_act_as
    from collector.capture.agent import Context
    from collector.capture.doctor import host_coverage
    from collector.capture.host_facts import gather
    from collector.capture.inventory import inode_of, vmm_of
    from collector.capture.privileges import drop, needed_to_go_on

    host = host_coverage(gather())
    database = database_file(engine)
    owner = place_of(engine).owner
    keep, notes = needed_to_go_on(name, database if owner is None else None)
    stay_able_to_act_as(owner)
    left = drop(keep)
    for note in (*notes, *left.notes):
        print(f"gmemscope: {note}", file=sys.stderr)
    return Context(found, host, (*notes, *left.notes), vmm_of, inode_of, database)


def database_file(engine: "Engine") -> Path | None:
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return Path(str(engine.url.database)) if is_file else None


def print_started(recording_id: int) -> None:
    print_line(f"recording {recording_id} has begun; Ctrl-C ends it")


def print_line(sentence: str) -> None:
    print(f"gmemscope: {sentence}", file=sys.stderr, flush=True)


def summarise(engine: "Engine", collected: "Collected") -> dict[str, Any]:
    """What `gmemscope import --json` prints of a recording, and what the agent counted."""
    from app.commands.usage import summarise as summarise_recording

    counters = collected.counters
    summary = summarise_recording(engine, collected.recording_id, counters.lost)
    del summary["already_imported"]
    return summary | {"collector": asdict(counters)}


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    from app.commands.usage import conversions_text, memslots_text

    collector = summary["collector"]
    yield (
        f"recording {summary['recording']}: {collector['duration_s']:.1f} s, "
        f"{collector['events']:,} calls, {summary['lost_events']:,} events lost, "
        f"{collector['cpu_s']:.1f} s of CPU"
    )
    yield f"  {conversions_text(summary)}"
    for vm in summary["vms"]:
        yield f"  vm {vm['id']}: {vm['name']} (pid {vm['pid']})"
    yield f"  {memslots_text(summary)}"
    yield from (f"  not in this recording: {cost}" for cost in summary["missing"])
