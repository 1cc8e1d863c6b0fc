"""Everything on screen as tables: columns in Arrow, and files of JSON lines, CSV, Arrow or Parquet.

Arrays of events, changes and rows become record batches with names and units, batch by batch, so
that an export of any length takes a constant amount of memory.
"""

from app.queries.tables._columns import (
    CHANGES,
    CONVERSIONS,
    ERRNO_LIMIT,
    ERRNO_NAMES,
    EVENTS,
    MEMSLOTS,
    STATE,
    changes_table,
    conversions_table,
    events_table,
    memslots_table,
    state_table,
)
from app.queries.tables._files import table_chunks, write_table
from app.queries.tables._inventory import RECORDINGS, VMS, recordings_table, vms_table
from app.queries.tables._json_rows import json_array
from app.queries.tables._wire import with_gpa, with_wire_forms

__all__ = [
    "CHANGES",
    "CONVERSIONS",
    "ERRNO_LIMIT",
    "ERRNO_NAMES",
    "EVENTS",
    "MEMSLOTS",
    "RECORDINGS",
    "STATE",
    "VMS",
    "changes_table",
    "conversions_table",
    "events_table",
    "json_array",
    "memslots_table",
    "recordings_table",
    "state_table",
    "table_chunks",
    "vms_table",
    "with_gpa",
    "with_wire_forms",
    "write_table",
]
