"""Pages of events, the filters that choose them, why calls failed, and exports.

A filter is one model, whoever spells it (an address, a command); the reader yields the events that
it wants segment by segment, and they leave as pages with a cursor or as streams of tables.
"""

from app.queries.events._choices import OFFERED, VALUE_WORDS
from app.queries.events._events import events_page
from app.queries.events._exports import SCHEMAS, Export, export_batches
from app.queries.events._failures import (
    NO_LAYOUT,
    RULES,
    alike,
    errno_name,
    where_failed,
    why_failed,
)
from app.queries.events._filters import (
    NOT_KNOWN,
    SIZE_NAMES,
    EventFilters,
    FilterError,
    event_filter,
    slot_text,
)
from app.queries.events._notes import NOTES, NoteView, note_view, notes_table

__all__ = [
    "NOTES",
    "NOT_KNOWN",
    "NO_LAYOUT",
    "OFFERED",
    "RULES",
    "SCHEMAS",
    "SIZE_NAMES",
    "VALUE_WORDS",
    "EventFilters",
    "Export",
    "FilterError",
    "NoteView",
    "alike",
    "errno_name",
    "event_filter",
    "events_page",
    "export_batches",
    "note_view",
    "notes_table",
    "slot_text",
    "where_failed",
    "why_failed",
]
