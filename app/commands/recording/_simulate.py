"""`gmemscope simulate`: a simulated guest becomes a recording."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.usage import (
    Database,
    Json,
    open_engine,
    opened_output,
    parse_size,
    stopped_by_signals,
)
from app.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from collector.simulator import Limits, Played, Scenario, Showing

DEFAULT_SEED = 1

ScenarioName = Annotated[
    str | None,
    typer.Argument(metavar="SCENARIO", help="Default: boot-and-storm. --list names them all."),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same recording.")]
Events = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="End with the N-th conversion, repeating the scenario's cycle as often as it takes. "
        "What comes with conversions (hypercalls, faults, punched holes) is recorded besides.",
    ),
]
Live = Annotated[
    bool, typer.Option("--live", help="At recorded pace, without end: Ctrl-C or SIGTERM ends it.")
]
Speed = Annotated[
    float | None,
    typer.Option(metavar="X", help="With --live: simulated seconds a second. Default: 1."),
]
Duration = Annotated[float | None, typer.Option(metavar="S", help="End after S simulated seconds.")]
Vcpus = Annotated[int | None, typer.Option(metavar="N", help="Default: the scenario's.")]
Memory = Annotated[
    int | None,
    typer.Option(
        parser=parse_size, metavar="SIZE", help="16GiB, 1TiB, ... Default: the scenario's."
    ),
]
Truth = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write what was planted to FILE, as JSON.")
]
List = Annotated[bool, typer.Option("--list", help="Name the scenarios.")]


def command(
    name: ScenarioName = None,
    seed: Seed = DEFAULT_SEED,
    events: Events = None,
    live: Live = False,
    speed: Speed = None,
    duration: Duration = None,
    vcpus: Vcpus = None,
    memory: Memory = None,
    truth: Truth = None,
    list_scenarios: List = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Record a simulated confidential guest; needs no KVM.

    Without --live, --events or --duration: the scenario's own timeline once, as fast as possible.
    """
    if list_scenarios:
        print_scenarios(as_json=as_json)
        return
    if speed is not None and not (live and speed > 0):
        raise UsageError("--speed is a positive number and goes with --live")
    if duration is not None and duration <= 0:
        raise UsageError("--duration is a positive number of seconds")
    showing = showing_of(name, seed, memory, vcpus)
    limits = limits_of(showing, events, duration, live=live)
    engine = open_engine(database)
    recording_id, played = record(engine, showing, limits, (speed or 1.0) if live else None)
    if truth is not None:
        write_truth(truth, showing, played)
    summary = summarise(engine, recording_id, played)
    print(json.dumps(summary) if as_json else "\n".join(summary_lines(showing, summary)))


def print_scenarios(*, as_json: bool) -> None:
    from collector.simulator.scenarios import SCENARIOS

    if as_json:
        rows = [{"name": s.name, "summary": s.summary} for s in SCENARIOS.values()]
        print(json.dumps(rows))
        return
    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<16}{scenario.summary}")


def showing_of(name: str | None, seed: int, memory: int | None, vcpus: int | None) -> "Showing":
    """Raises UsageError for a scenario or a machine that cannot be."""
    from collector.simulator import Machine, Showing

    scenario = find_scenario(name)
    try:
        machine = Machine(memory or scenario.memory, vcpus or scenario.vcpus)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Showing(scenario, machine, seed)


def find_scenario(name: str | None) -> "Scenario":
    from collector.simulator.scenarios import DEFAULT_SCENARIO, SCENARIOS

    found = SCENARIOS.get(name or DEFAULT_SCENARIO)
    if found is None:
        raise UsageError(f"there is no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return found


def limits_of(
    showing: "Showing", events: int | None, duration: float | None, *, live: bool
) -> "Limits":
    """Where the recording ends; a live one without limits goes on until it is stopped."""
    from collector.simulator import Limits, to_ns

    if duration is not None or events is not None or live:
        return Limits(None if duration is None else to_ns(duration), events)
    scenario = showing.scenario
    if scenario.default_conversions is not None:
        return Limits(conversions=scenario.default_conversions)
    return Limits(until_t=showing.main_end)


def record(
    engine: "Engine", showing: "Showing", limits: "Limits", speed: float | None
) -> tuple[int, "Played"]:
    """Play into the database; SIGINT and SIGTERM end the recording, which is complete then."""
    from app.store.write import RecordingWriter
    from collector.simulator import play, recording_header

    is_live = speed is not None
    with (
        stopped_by_signals() as stop,
        RecordingWriter(engine, recording_header(showing), is_live=is_live) as sink,
    ):
        if is_live:
            print(f"gmemscope: simulating {showing.scenario.name}, live", file=sys.stderr)
        played = play(showing, limits, sink, stop=stop, speed=speed)
        return sink.recording_id, played


def write_truth(path: Path, showing: "Showing", played: "Played") -> None:
    machine = showing.machine
    content = {
        "scenario": showing.scenario.name,
        "seed": showing.seed,
        "memory": machine.memory,
        "vcpus": machine.vcpus,
        "end_t": played.end_t,
        "planted": [planted.as_json() for planted in played.planted],
    }
    with opened_output(path) as target:
        target.write(json.dumps(content, indent=1).encode() + b"\n")


def summarise(engine: "Engine", recording_id: int, played: "Played") -> dict[str, Any]:
    """What the recording holds, as `gmemscope import --json` prints it."""
    from app.queries.inventory import conversion_counts
    from app.store.read import Reader

    reader = Reader(engine)
    vm = reader.vm(played.vm_id)
    return {
        "recording": recording_id,
        "vms": [{"id": vm.id, "name": vm.name, "pid": vm.pid, "vm_fd": vm.vm_fd}],
        "events": vm.events_by_kind,
        "conversions": asdict(conversion_counts([vm])),
        "memslots": len(reader.memslots(played.vm_id)),
        "lost_events": vm.lost_events,
        "last_t": played.end_t,
    }


def summary_lines(showing: "Showing", summary: dict[str, Any]) -> Iterator[str]:
    from app.commands.usage import conversions_text

    yield (
        f"recording {summary['recording']}: {showing.scenario.name}, seed {showing.seed}, "
        f"{summary['last_t'] / 1e9:.1f} s"
    )
    yield f"  {conversions_text(summary)}"
    others = {k: n for k, n in summary["events"].items() if k.lower() != "conversion"}
    yield "  " + ", ".join(f"{count:,} {kind}" for kind, count in others.items())
    yield f"  {summary['memslots']} memslots, {summary['lost_events']:,} events lost"
