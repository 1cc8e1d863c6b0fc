"""What can be taken out of a VM's history, as tables that stream."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from app.model.events import Window
from app.model.guest import EventKind
from app.model.stats import ANY, EventFilter, EventQuery
from app.queries.choices import What
from app.queries.events._events import parts
from app.queries.events._notes import NOTES, notes_table
from app.queries.events._trace_clock import trace_clock
from app.queries.figures import last_instant, row_id
from app.queries.tables import (
    CHANGES,
    CONVERSIONS,
    EVENTS,
    MEMSLOTS,
    STATE,
    changes_table,
    conversions_table,
    events_table,
    memslots_table,
    state_table,
)
from app.store.read import Reader
from app.store.schema import Vm

SCHEMAS = {
    What.CONVERSIONS: CONVERSIONS,
    What.EVENTS: EVENTS,
    What.MEMSLOTS: MEMSLOTS,
    What.STATE: STATE,
    What.CHANGES: CHANGES,
    What.NOTES: NOTES,
}


@dataclass(frozen=True, slots=True)
class Export:
    """What to export of which VM. `at` is for what holds at an instant, from and to for floods."""

    what: What
    at: int | None = None
    from_t: int | None = None
    to_t: int | None = None
    where: EventFilter = ANY
    """Of conversions and events only."""


def export_batches(reader: Reader, vm: Vm, export: Export) -> Iterator[pa.RecordBatch]:
    """The rows of an export, in order of effect (floods), of gfn (state), of time (memslots,
    notes)."""
    match export.what:
        case What.CONVERSIONS | What.EVENTS:
            return event_batches(reader, vm, export)
        case What.CHANGES:
            return change_batches(reader, vm, export)
        case What.MEMSLOTS:
            return iter([memslots_table(reader.memslots(row_id(vm), export.at))])
        case What.NOTES:
            return iter([notes_table(reader.notes(row_id(vm), export.from_t, export.to_t))])
        case What.STATE:
            at = last_instant(reader, vm) if export.at is None else export.at
            return iter([state_table(reader.page_map_at(row_id(vm), at).runs())])


def event_batches(reader: Reader, vm: Vm, export: Export) -> Iterator[pa.RecordBatch]:
    is_conversions = export.what is What.CONVERSIONS
    where = export.where.of_kinds((EventKind.CONVERSION,) if is_conversions else None)
    table = conversions_table if is_conversions else events_table
    clock = trace_clock(reader, vm)
    query = EventQuery(export.from_t, export.to_t, where=where)
    chunks = reader.iter_events(row_id(vm), query)
    for events, seqs in chunks:
        for part in parts(len(events)):
            yield table(events[part], seqs[part], clock)


def change_batches(reader: Reader, vm: Vm, export: Export) -> Iterator[pa.RecordBatch]:
    for changes in reader.iter_changes(row_id(vm), Window.of(export.from_t, export.to_t)):
        # By rows of no pages a replay makes unknown what was never named, from then on.
        named = changes[changes["npages"] > 0]
        for part in parts(len(named)):
            yield changes_table(named[part])
