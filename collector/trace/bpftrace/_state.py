"""What the compiled parsing of the bpftrace program's lines keeps: the rows of its tables."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from collector.pairing import state as s
from collector.records import SIGNED_CALL
from collector.trace.bpftrace._shapes import shape_table

CPUS = 8192
"""As many as a kernel can be built for."""
MOST_FIELDS = 16
HEAD_AND_VALUES = np.dtype(
    [
        ("ts_enter", "<i8"),
        ("duration_ns", "<i8"),
        ("who", "<i8"),  # tgid << 32 | tid
        ("where", "<i8"),  # cpu << 40 | cause << 32 | fd
        ("ret", "<i8"),
        ("v", "<i8", (MOST_FIELDS - 5,)),
    ]
)
"""The numbers of a line that is a call."""
CPU = np.dtype(
    [
        ("reported", "<i8"),  # when it reported last; 0: never
        ("ticks", "<i8"),
        ("run", "<i8"),  # how many lines it has printed without a pause
        ("round", "<i8"),  # SHARED's when it reported last
        ("is_full", "<i8"),  # it printed all that its buffer holds: what followed may be lost
    ]
)
SHARED = np.dtype(
    [
        ("first_ns", "<i8"),  # the earliest time of all; 0: none
        ("stops_at_tick", "<i8"),  # return after the next tick
        ("has_causes", "<i8"),  # exits to user space are watched
        ("tick_ns", "<i8"),  # the last tick of this reading; 0: there was none
        ("rounds", "<i8"),  # how often nothing was left to be printed
        ("last_cpu", "<i8"),  # that reported, plus one
        ("buffer_lines", "<i8"),  # no buffer with fewer of them is full
        ("oldest_ns", "<i8"),  # of what was printed since this was 0
    ]
)


class Tables(NamedTuple):
    """What all of the parsing works on."""

    shapes: s.Rows  # [256] SHAPE_ROW, by the letter's byte
    shared: s.Rows  # [1] SHARED
    cpus: s.Rows  # [CPUS] CPU
    numbers: npt.NDArray[np.int64]  # [MOST_FIELDS], of the line at hand
    call: s.Rows  # [1] HEAD_AND_VALUES: the same numbers
    calls: s.Rows  # SIGNED_CALL


def empty_tables(calls: int) -> Tables:
    """With room for so many calls at once."""
    numbers = np.zeros(MOST_FIELDS, np.int64)
    return Tables(
        shapes=shape_table(),
        shared=np.zeros(1, SHARED),
        cpus=np.zeros(CPUS, CPU),
        numbers=numbers,
        call=numbers.view(HEAD_AND_VALUES),
        calls=np.zeros(calls, SIGNED_CALL),
    )
