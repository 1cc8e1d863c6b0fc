"""One recording of this host by a source that was opened: its rights, its store, its summary."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import HostError

if TYPE_CHECKING:
    from threading import Event

    from sqlalchemy import Engine

    from app.queries.retention import Limits
    from app.store.write import Past
    from collector.capture.agent import Collected, Context
    from collector.capture.live import LiveOptions, LiveSource


@dataclass(frozen=True, slots=True)
class Host:
    """What is recorded, and where to."""

    engine: "Engine"
    options: "LiveOptions"
    qmp: tuple[Path, ...] = ()
    goes_on: bool = False  # with the latest recording
    limits: "Limits | None" = None
    """What is let go of the database meanwhile. None: nothing."""


def record(
    host: Host,
    source: "LiveSource",
    stop: "Event",
    context: "Context",
    duration: float | None = None,
    past: "Past | None" = None,
) -> "Collected":
    """After `drop_privileges`. `past`: what to go on with."""
    from app.commands.recording._keeper import Keeper  # they bring threads: only now
    from app.commands.recording._storm_journal import StormJournal
    from app.store.write import RecordingWriter
    from collector.capture.agent import collect

    engine, limits = host.engine, host.limits
    group_ns = None if limits is None else limits.group_ns
    since_t = -1 if past is None else past.stored.last_t
    with ExitStack() as beside:
        beside.enter_context(StormJournal(engine, print_line, since_t))
        if limits is not None:
            beside.enter_context(Keeper(engine, limits, print_line))
        return collect(
            source,
            lambda header: RecordingWriter(
                engine, header, is_live=True, group_ns=group_ns, past=past
            ),
            stop,
            context if past is None else replace(context, past=past.stored),
            duration_s=duration,
            report=print_started if past is None else print_again,
            notify=print_line,
        )


def drop_privileges(engine: "Engine", name: str, also: tuple[str, ...] = ()) -> "Context":
    """Note what the host is, then give up what only looking at it needed, but for `also`."""
    from app.store.database import place_of, stay_able_to_act_as
    from collector.capture.agent import Context
    from collector.capture.doctor import host_coverage
    from collector.capture.host_facts import boot_id, gather
    from collector.capture.inventory import inode_of, vmm_of
    from collector.capture.privileges import drop, needed_to_go_on

    host = host_coverage(gather())
    database = database_file(engine)
    owner = place_of(engine).owner
    keep, notes = needed_to_go_on(name, database if owner is None else None)
    stay_able_to_act_as(owner)
    left = drop({*keep, *also})
    for note in (*notes, *left.notes):
        print(f"gmemscope: {note}", file=sys.stderr)
    return Context(None, host, (*notes, *left.notes), vmm_of, inode_of, database, boot_id=boot_id())


def database_file(engine: "Engine") -> Path | None:
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return Path(str(engine.url.database)) if is_file else None


def print_started(recording_id: int) -> None:
    print_line(f"recording {recording_id} has begun; Ctrl-C ends it")


def print_again(recording_id: int) -> None:
    print_line(f"recording {recording_id} has begun again; Ctrl-C ends it")


def print_line(sentence: str) -> None:
    print(f"gmemscope: {sentence}", file=sys.stderr, flush=True)


def publish(engine: "Engine", collected: "Collected", *, as_json: bool) -> None:
    """Raises HostError if it ended before it was asked to."""
    summary = summarise(engine, collected)
    text = json.dumps(summary) if as_json else "\n".join(summary_lines(summary))
    print(text, flush=True)
    if collected.problem is not None:
        raise HostError(
            f"{collected.problem}; recording {collected.recording_id} is kept, incomplete"
        )


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
