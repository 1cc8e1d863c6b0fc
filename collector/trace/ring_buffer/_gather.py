"""Values of an event's fields, from 32-bit words to columns, by a plan. Compiled."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_part
from collector.records import RECORD

Words = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]

ROW_WORDS = RECORD.itemsize // 8

# How a value is gathered (see collector.trace.ring_buffer).
CONSTANT = 0
WHOLE = 1  # 8 bytes at a multiple of 4
SIGNED = 2
UNSIGNED = 3


@hot_part
def gather_rows(
    words: Words,
    cpu: int,
    plans: Ints,
    gathers: Ints,
    rows: Ints,
    first: int,
    end: int,
) -> None:
    """Complete the rows of events: thread, CPU, code, flags, and the values by the plan."""
    for n in range(first, end):
        plan = -1 - rows[n, 1]
        if plan < 0:  # a loss, complete already
            continue
        body = rows[n, 2]
        tid = np.int64(words[body + plans[plan, 2]])
        rows[n, 1] = tid | (cpu << 32) | (plans[plan, 0] << 48) | (plans[plan, 1] << 56)
        for v in range(2, ROW_WORDS):
            rows[n, v] = 0
        for g in range(plans[plan, 4], plans[plan, 5]):
            kind = gathers[g, 1]
            at = body + gathers[g, 2]
            if kind == WHOLE:
                value = u64(words, at)
            elif kind == CONSTANT:
                value = gathers[g, 2]
            else:
                value = _part(words, at, kind, gathers[g, 3], gathers[g, 4])
            rows[n, 2 + gathers[g, 0]] += value << gathers[g, 5]


@hot_part
def _part(words: Words, at: int, kind: int, skip: int, unused: int) -> int:
    """A field of less than 8 bytes, or of 8 at an odd place, `skip` bits into the word at `at`.

    `unused` is what the field leaves of 64 bits.
    """
    value = word_at(words, at) >> skip
    if unused + skip < 32:  # it goes on in the next words
        value |= word_at(words, at + 1) << (32 - skip)
        if skip > unused:
            value |= word_at(words, at + 2) << (64 - skip)
    value = (value << unused) >> unused
    if kind == UNSIGNED and unused != 0:
        value &= (1 << (64 - unused)) - 1
    return value


@hot_part
def u64(words: Words, at: int) -> int:
    return word_at(words, at) | (word_at(words, at + 1) << 32)


@hot_part
def word_at(words: Words, at: int) -> int:
    """Signed 64 bit, as all arithmetic here: mixed with unsigned it would become floating."""
    return np.int64(words[at])  # type: ignore[return-value]
