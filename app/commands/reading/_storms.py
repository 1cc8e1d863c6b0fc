"""`gmemscope storms`: where a VM's conversions came far too often."""

from typing import Annotated

import typer

from app.commands.usage import Database, Json, open_to_read, report_damage

VmName = Annotated[str, typer.Argument(metavar="VM", help="A VM's id, uuid, or name if unique.")]
StormName = Annotated[
    str | None,
    typer.Option("--storm", metavar="N", help="Only this one, in full: its place or its id."),
]
MinCalls = Annotated[
    int | None,
    typer.Option("--min-calls", min=1, help="A burst of fewer conversions is no storm."),
]
MinRate = Annotated[
    float | None, typer.Option("--min-rate", min=0.001, help="Conversions a second, at least.")
]
OverBaseline = Annotated[
    float | None,
    typer.Option("--over-baseline", min=1.0, help="Times the recording's own baseline."),
]
MinBootCalls = Annotated[
    int | None,
    typer.Option("--min-boot-calls", min=1, help="As --min-calls, while the guest boots."),
]
MinFaults = Annotated[
    int | None,
    typer.Option("--min-faults", min=1, help="A burst of fewer page faults is no storm."),
]


def command(
    vm: VmName,
    storm: StormName = None,
    min_calls: MinCalls = None,
    min_rate: MinRate = None,
    over_baseline: OverBaseline = None,
    min_boot_calls: MinBootCalls = None,
    min_faults: MinFaults = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List a VM's storms: bursts of conversions, or of page faults, far above its baseline."""
    from app.queries.inventory import find_vm
    from app.queries.storms import StormRules, Storms, StormView, fact_lines, list_lines, storm_line
    from app.store.read import Reader

    reader = Reader(open_to_read(database))
    row = find_vm(reader, vm)
    storms = Storms(reader)
    rules = StormRules().scaled(
        min_calls, min_rate, over_baseline, min_boot_calls=min_boot_calls, min_faults=min_faults
    )
    if storm is None:
        found = storms.list(row, rules)
        print(as_text_or_json(found, as_json) or "\n".join(list_lines(found)))
        report_damage(reader, row.recording_id)
        return
    one = storms.find(row, storm, rules)
    facts = storms.facts(row, one)
    answer = as_text_or_json(StormView(one, facts), as_json)
    print(answer or "\n".join((storm_line(one), *fact_lines(facts))))
    report_damage(reader, row.recording_id)


def as_text_or_json(answer: object, as_json: bool) -> str | None:
    """As REST answers, if JSON is wanted."""
    if not as_json:
        return None
    from pydantic import TypeAdapter

    return TypeAdapter(type(answer)).dump_json(answer, by_alias=True).decode()
