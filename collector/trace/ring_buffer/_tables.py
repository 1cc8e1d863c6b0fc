"""What decoding one CPU's sub-buffers works on: the rows of its tables."""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from collector.records import SIGNED_RECORD

Words = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Row = Any
"""One of `Rows` in compiled code, whose fields are attributes."""

STATE = np.dtype(
    [
        ("last_ts", "<i8"),  # of the last event, or of the last page's start
        ("has_events", "<i8"),
        ("first_ts", "<i8"),  # of the first event
        ("gap_is_open", "<i8"),  # events are missing between last_ts and the next event
        ("gap_count", "<i8"),  # how many, 0 if unknown
        ("gap_is_uncounted", "<i8"),  # part of the gap is not counted
        ("count_of_uncounted", "<i8"),  # given: for a gap whose page holds no number
        ("lost", "<i8"),  # sum of the counted losses
        ("uncounted_gaps", "<i8"),
        ("damaged", "<i8"),  # number of damaged pages
    ]
)
PLAN = np.dtype(
    [
        ("code", "<i8"),  # RecordCode
        ("flags", "<i8"),
        ("pid_word", "<i8"),  # which word of the event's data is common_pid
        ("least_length", "<i8"),  # bytes
        ("first", "<i8"),  # of its rows in `gathers`
        ("end", "<i8"),
    ]
)
GATHER = np.dtype(
    [
        ("index", "<i8"),  # in v
        ("how", "<i8"),  # How
        ("constant", "<i8"),
        ("word", "<i8"),  # in which the field begins
        ("skip", "<i8"),  # bits of it before the field
        ("unused", "<i8"),  # bits that the field leaves of 64
        ("shift", "<i8"),  # of the value, to the left
    ]
)
DAMAGE = np.dtype([("page", "<i8"), ("place", "<i8"), ("reason", "<i8")])
"""`place`: bytes into the page; `reason`: a key of DAMAGE_TEXT."""
MOST_DAMAGE = 64
"""Damaged pages described each; the others are only counted."""


class How(IntEnum):
    """A value is gathered."""

    CONSTANT = 0
    WHOLE = 1
    """8 bytes at a multiple of 4."""
    SIGNED = 2
    UNSIGNED = 3


class Tables(NamedTuple):
    """All of them. Plans and gathers: see DecodePlan."""

    words: Words  # of pages; two more follow
    plan_of: npt.NDArray[np.int32]  # [EVENT_IDS], -1: the event is only counted
    plans: Rows  # PLAN
    gathers: Rows  # GATHER
    state: Rows  # [2] STATE: as it is, and as it was when the page began
    counts: Ints  # [EVENT_IDS], events met
    damage: Rows  # [MOST_DAMAGE] DAMAGE
    rows: Rows  # SIGNED_RECORD


def empty_rows(count: int) -> Rows:
    return np.empty(count, SIGNED_RECORD)


def empty_state() -> Rows:
    return np.zeros(2, STATE)


def empty_damage() -> Rows:
    return np.zeros(MOST_DAMAGE, DAMAGE)
