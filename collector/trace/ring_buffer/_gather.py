"""Values of an event's fields, from 32-bit words to columns, by a plan. Compiled."""

import numpy as np

from app.compiled import hot_part
from collector.trace.ring_buffer._tables import How, Row, Tables, Words


@hot_part
def gather_rows(tables: Tables, cpu: int, first: int, end: int) -> None:
    """Complete the rows of events: thread, CPU, code, flags, and the values by the plan.

    What is complete has a code: a loss. Others hold in v the place of their data and their plan.
    """
    for n in range(first, end):
        row = tables.rows[n]
        if row.code != 0:
            continue
        body, plan = row.v[0], tables.plans[row.v[1]]
        row.tid, row.cpu = tables.words[body + plan.pid_word], cpu
        row.code, row.flags = plan.code, plan.flags
        for k in range(8):
            row.v[k] = 0
        for g in range(plan.first, plan.end):
            gather = tables.gathers[g]
            row.v[gather.index] += value_of(tables.words, body, gather) << gather.shift


@hot_part
def value_of(words: Words, body: int, gather: Row) -> int:
    at = body + gather.word
    if gather.how == How.WHOLE:
        return u64(words, at)
    if gather.how == How.CONSTANT:
        return gather.constant  # type: ignore[no-any-return]
    return int(_part(words, at, gather))


@hot_part
def _part(words: Words, at: int, gather: Row) -> int:
    """A field of less than 8 bytes, or of 8 at an odd place."""
    skip, unused = gather.skip, gather.unused
    value = word_at(words, at) >> skip
    if unused + skip < 32:  # it goes on in the next words
        value |= word_at(words, at + 1) << (32 - skip)
        if skip > unused:
            value |= word_at(words, at + 2) << (64 - skip)
    value = (value << unused) >> unused
    if gather.how == How.UNSIGNED and unused != 0:
        value &= (1 << (64 - unused)) - 1
    return int(value)


@hot_part
def u64(words: Words, at: int) -> int:
    return word_at(words, at) | (word_at(words, at + 1) << 32)


@hot_part
def word_at(words: Words, at: int) -> int:
    """Signed 64 bit, as all arithmetic here: mixed with unsigned it would become floating."""
    return np.int64(words[at])  # type: ignore[return-value]
