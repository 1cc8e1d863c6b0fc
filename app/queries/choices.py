"""What people choose from, apart from the code behind it: `gmemscope --help` must be quick."""

from enum import StrEnum
from typing import NamedTuple


class What(StrEnum):
    """What can be exported of a VM."""

    CONVERSIONS = "conversions"
    EVENTS = "events"
    MEMSLOTS = "memslots"
    STATE = "state"
    CHANGES = "changes"
    NOTES = "notes"


class EventParameter(NamedTuple):
    """One respect in which events can be chosen: a parameter of REST, an option of commands."""

    name: str
    description: str
    """In OpenAPI, where the values are listed."""
    option_help: str
    example: str | None = None
    """Where there are too many values to list."""


EVENT_PARAMETERS = (
    EventParameter("kind", "Only these; repeatable.", "conversion, hypercall, page_fault ..."),
    EventParameter("outcome", "Only these; repeatable.", "applied, failed or unconfirmed."),
    EventParameter(
        "direction",
        "What a conversion, a hypercall or a state read is to; repeatable. Other kinds have none.",
        "private, shared or unknown.",
    ),
    EventParameter(
        "cause",
        "Repeatable. none: not recorded, or it is no conversion.",
        "explicit, implicit, vmm or none.",
    ),
    EventParameter("errno", "By name or number; repeatable.", "EAGAIN, or 11.", "EAGAIN"),
    EventParameter(
        "vcpu", "Its number, or unknown; repeatable.", "A vCPU's number, or unknown.", "3"
    ),
    EventParameter("tid", "A host thread's id; repeatable.", "A host thread's id.", "4242"),
    EventParameter(
        "size",
        "How much one call is about; repeatable. 2m is one aligned block, unaligned_2m as much "
        "elsewhere, unknown a range that is not recorded.",
        "4k, 2m, below_2m, above_2m, unaligned_2m or unknown.",
    ),
    EventParameter(
        "memslot",
        "What lies in the range of this memslot while it is there; repeatable. 1:2 is slot 2 of "
        "address space 1.",
        "What lies in a memslot's range while it is there: 1, or 1:2 (SMM).",
        "1",
    ),
)
"""`app.queries.events` reads what is given for each, and makes the query model of them."""


class TableFormat(StrEnum):
    """What a table can be written as."""

    JSONL = "jsonl"
    CSV = "csv"
    ARROW = "arrow"
    """The Arrow IPC file format, which readers also call Feather version 2."""
    PARQUET = "parquet"
