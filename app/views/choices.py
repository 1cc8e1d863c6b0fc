"""What people choose from, apart from the code behind it: `gmemscope --help` must be quick."""

from enum import StrEnum


class What(StrEnum):
    """What can be exported of a VM."""

    CONVERSIONS = "conversions"
    EVENTS = "events"
    MEMSLOTS = "memslots"
    STATE = "state"
    CHANGES = "changes"
    NOTES = "notes"


EVENT_FILTERS = (
    "kind",
    "outcome",
    "direction",
    "cause",
    "errno",
    "vcpu",
    "tid",
    "size",
    "memslot",
)
"""In which respects events can be chosen: parameters of REST and options of commands."""


class TableFormat(StrEnum):
    """What a table can be written as."""

    JSONL = "jsonl"
    CSV = "csv"
    ARROW = "arrow"
    """The Arrow IPC file format, which readers also call Feather version 2."""
    PARQUET = "parquet"
