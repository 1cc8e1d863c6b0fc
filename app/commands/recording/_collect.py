"""`gmemscope collect`: this host's VMs while they run."""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.recording._armed import DEFAULT_CALM_S, DEFAULT_RATE, Arming, record_armed
from app.commands.recording._continuing import past_of
from app.commands.recording._recorder import Host, drop_privileges, publish, record
from app.commands.usage import (
    Database,
    Json,
    open_engine,
    parse_age,
    parse_size,
    stopped_by_signals,
)
from app.errors import HostError, UsageError

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from app.queries.retention import Limits
    from collector.capture.agent import Collected
    from collector.capture.live import LiveOptions

SHORTEST_KEPT_S = 600
SMALLEST_KEPT = 256 << 20
"""Events go a group at a time, some ten MiB, and as much must be free."""
CAN_BE_ARMED = "tracefs"
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
Armed = Annotated[
    bool,
    typer.Option(
        "--armed",
        help="Record only when something happens: until a trigger (--trigger-rate, SIGUSR1 or "
        "`gmemscope trigger`) the kernel's buffers record over themselves and nobody reads them. "
        "Then a recording begins with what they hold. tracefs only.",
    ),
]
Continue = Annotated[
    bool,
    typer.Option(
        "--continue",
        help="Go on with this host's latest live recording in this database, if there is one that "
        "can be gone on with. Between the two nothing is known.",
    ),
]
TriggerRate = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="With --armed: so many conversions per second, of all VMs, are a trigger. Default: "
        f"{DEFAULT_RATE:,}, at which a storm is certain.",
        show_default=False,
    ),
]
Calm = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        help="With --armed: a recording ends, and it arms itself again, once there was no trigger "
        f"for S seconds. Default: {DEFAULT_CALM_S:.0f}.",
        show_default=False,
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        metavar="AGE",
        parser=parse_age,
        help="Let go of events older than that (7d, 36h) of this database's live recordings; what "
        "happened stays known in cells, the coarser the older. Default: all is kept.",
        show_default=False,
    ),
]
KeepSize = Annotated[
    int | None,
    typer.Option(
        metavar="SIZE",
        parser=parse_size,
        help="Let go of the oldest events before the database grows beyond that (20G).",
        show_default=False,
    ),
]
KeepStorms = Annotated[
    int | None,
    typer.Option(
        metavar="AGE",
        parser=parse_age,
        help="With --keep or --keep-size: storms, and ten minutes around them, are kept so long "
        "(90d), unless the size leaves no room. Default: as long as there is room.",
        show_default=False,
    ),
]


def command(
    source: Source = AUTO,
    duration: Duration = None,
    pid: Pids = None,
    backing: Backing = False,
    faults: Faults = False,
    qmp: Qmp = None,
    goes_on: Continue = False,
    armed: Armed = False,
    trigger_rate: TriggerRate = None,
    calm: Calm = None,
    keep: Keep = None,
    keep_size: KeepSize = None,
    keep_storms: KeepStorms = None,
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
    if goes_on and armed:
        raise UsageError("--continue does not go with --armed: each trigger begins a recording")
    limits = limits_of(keep, keep_size, keep_storms)
    arming = arming_of(trigger_rate, calm, is_armed=armed)
    options = LiveOptions(tuple(pid or ()), backing=backing, faults=faults)
    name = choose_source(source if arming is None else armed_source(source), options)
    with stopped_by_signals() as stop:
        migrate_apart(database)
        engine = open_engine(database)
        try:
            refuse_second_writer(engine)
            host = Host(engine, options, tuple(qmp or ()), goes_on, limits)
            if arming is None:
                publish(engine, record_now(host, name, duration, stop), as_json=as_json)
            else:
                record_armed(host, arming, duration, stop, as_json=as_json)
        finally:
            engine.dispose()  # what only its owner can remove beside it is removed now


def limits_of(keep_s: int | None, nbytes: int | None, storms_s: int | None) -> "Limits | None":
    """None: all is kept. Raises UsageError."""
    if keep_s is None and nbytes is None:
        if storms_s is not None:
            raise UsageError("--keep-storms goes with --keep or --keep-size")
        return None
    if keep_s is not None and keep_s < SHORTEST_KEPT_S:
        raise UsageError(f"--keep is {SHORTEST_KEPT_S // 60} minutes at least")
    if nbytes is not None and nbytes < SMALLEST_KEPT:
        raise UsageError(f"--keep-size is {SMALLEST_KEPT >> 20} MiB at least")
    if keep_s is not None and storms_s is not None and storms_s < keep_s:
        raise UsageError("--keep-storms is no less than --keep")
    from app.queries.retention import Limits

    return Limits(_ns(keep_s), _ns(storms_s), nbytes)


def _ns(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 10**9


def arming_of(trigger_rate: float | None, calm: float | None, *, is_armed: bool) -> Arming | None:
    """None: it records at once. Raises UsageError."""
    for option, number in (("--trigger-rate", trigger_rate), ("--calm", calm)):
        if number is not None and not is_armed:
            raise UsageError(f"{option} goes with --armed")
        if number is not None and number <= 0:
            raise UsageError(f"{option} is a positive number")
    if not is_armed:
        return None
    return Arming(trigger_rate or DEFAULT_RATE, calm or DEFAULT_CALM_S)


def armed_source(asked: str) -> str:
    """Raises HostError."""
    if asked == AUTO:
        print(f"gmemscope: source {CAN_BE_ARMED}: no other can be armed", file=sys.stderr)
    elif asked == "bpftrace":
        raise HostError(
            "bpftrace cannot be armed: its buffers are read all the time, and where they are full "
            "they drop the newest event; those of --source tracefs overwrite the oldest"
        )
    return CAN_BE_ARMED if asked == AUTO else asked


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


def record_now(host: Host, name: str, duration: float | None, stop: "Event") -> "Collected":
    from collector.capture.agent import CLOCKS
    from collector.capture.choice import open_source
    from collector.capture.inventory import scan
    from collector.capture.live import HostCannot

    try:
        with open_source(name, host.options) as source:
            source.start(stop)
            found = scan(host.options.pids, CLOCKS[source.describe().clock], host.qmp)
            context = replace(drop_privileges(host.engine, name), found=found)
            past = past_of(host.engine, source, context) if host.goes_on else None
            return record(host, source, stop, context, duration, past)
    except HostCannot as error:
        raise HostError(str(error)) from error
