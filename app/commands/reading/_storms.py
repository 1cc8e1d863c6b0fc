"""`gmemscope storms`: where a VM's conversions came far too often."""

from typing import Annotated

import typer

from app.commands.usage import (
    Database,
    Json,
    Thresholds,
    VmName,
    open_to_read,
    report_damage,
    rules_of,
    with_storm_options,
)

StormName = Annotated[
    str | None,
    typer.Option("--storm", metavar="N", help="Only this one, in full: its place or its id."),
]


@with_storm_options
def command(
    vm: VmName,
    storm: StormName = None,
    *,
    thresholds: Thresholds,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List a VM's storms: bursts of conversions, or of page faults, far above its baseline."""
    from app.queries.inventory import find_vm
    from app.queries.storms import Storms, StormView, fact_lines, list_lines, storm_line
    from app.store.read import Reader

    rules = rules_of(thresholds)
    reader = Reader(open_to_read(database))
    row = find_vm(reader, vm)
    storms = Storms(reader)
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
