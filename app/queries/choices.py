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


class StormKind(StrEnum):
    """What there may be a burst of."""

    CONVERSIONS = "conversions"
    PAGE_FAULTS = "page faults"


class StormThreshold(NamedTuple):
    """A threshold of what counts as a storm: a parameter of REST, an option, a field of a form."""

    name: str
    description: str
    label: str
    """In the form of the page, where they follow each other."""
    of: StormKind
    field: str
    """Of `app.model.stats.BurstRule`, which holds the default."""
    is_whole: bool = True
    least: int = 1
    excludes_least: bool = False


STORM_THRESHOLDS = (
    StormThreshold(
        "min_calls",
        "A burst of fewer conversions is no storm.",
        "conversions, at least",
        StormKind.CONVERSIONS,
        "min_calls",
    ),
    StormThreshold(
        "min_rate",
        "Conversions a second, at least.",
        "a second, at least",
        StormKind.CONVERSIONS,
        "min_rate",
        is_whole=False,
        least=0,
        excludes_least=True,
    ),
    StormThreshold(
        "over_baseline",
        "Times the recording's own baseline.",
        "and times the baseline",
        StormKind.CONVERSIONS,
        "over_baseline",
        is_whole=False,
    ),
    StormThreshold(
        "min_boot_calls",
        "A burst of fewer conversions is no storm while the guest boots.",
        "conversions while booting",
        StormKind.CONVERSIONS,
        "boot_min_calls",
    ),
    StormThreshold(
        "min_faults",
        "A burst of fewer page faults is no storm.",
        "page faults, at least",
        StormKind.PAGE_FAULTS,
        "min_calls",
    ),
)
"""`app.queries.storms` makes the query model of them, and reads what is given for each."""


class TableFormat(StrEnum):
    """What a table can be written as."""

    JSONL = "jsonl"
    CSV = "csv"
    ARROW = "arrow"
    """The Arrow IPC file format, which readers also call Feather version 2."""
    PARQUET = "parquet"
