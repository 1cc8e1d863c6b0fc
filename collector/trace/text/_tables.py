"""What the compiled scans of lines keep: the rows of their tables."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from collector.records import SIGNED_RECORD

Text = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Row = Any
"""One of `Rows` in compiled code, whose fields are attributes."""

HEADER = np.dtype(
    [
        ("ts", "<i8"),
        ("tid", "<i8"),
        ("tgid", "<i8"),
        ("cpu", "<i8"),
        ("comm_end", "<i8"),  # place in the text, as `rest`: what follows the header
        ("rest", "<i8"),
    ]
)
"""What a line begins with."""
PLACES = np.dtype(
    [
        ("at", "<i8"),
        ("end", "<i8"),
        ("name", "<i8"),
        ("name_end", "<i8"),
        ("payload", "<i8"),
        ("line_end", "<i8"),
        ("rows", "<i8"),  # that are complete
        ("key", "<i8"),  # of the name
    ]
)
"""Where a scan is in the text, and what it has made."""
PLAN = np.dtype(
    [
        ("code", "<i8"),
        ("flags", "<i8"),
        ("first_byte", "<i8"),  # of its instructions
        ("end_byte", "<i8"),
        ("first_store", "<i8"),
        ("first_constant", "<i8"),  # of its stores
        ("end_store", "<i8"),
        ("alternative", "<i8"),  # a plan, or NO_PLAN
    ]
)
STORE = np.dtype([("index", "<i8"), ("shift", "<i8"), ("factor", "<i8")])
NO_PLAN = -1
NAME_SLOTS = 1 << 12  # a power of two


class ScanTables(NamedTuple):
    """All of them. keys, plan_of, counts: a hash table of events by name."""

    places: Rows  # [1] PLACES
    header: Rows  # [1] HEADER, of the line at hand
    keys: Ints  # [NAME_SLOTS]
    plan_of: Ints  # [NAME_SLOTS], a plan, or NO_PLAN: the event is only counted
    counts: Ints  # [NAME_SLOTS], lines
    plans: Rows  # PLAN
    instructions: Text
    stores: Rows  # STORE
    rows: Rows  # SIGNED_RECORD


def empty_tables(rows: int) -> ScanTables:
    """Of no template yet, with room for so many rows at once."""
    return ScanTables(
        places=np.zeros(1, PLACES),
        header=np.zeros(1, HEADER),
        keys=np.zeros(NAME_SLOTS, np.int64),
        plan_of=np.full(NAME_SLOTS, NO_PLAN, np.int64),
        counts=np.zeros(NAME_SLOTS, np.int64),
        plans=np.zeros(1, PLAN),
        instructions=np.zeros(1, np.uint8),
        stores=np.zeros(1, STORE),
        rows=np.zeros(rows, SIGNED_RECORD),
    )
