"""Calls that wait for their exit. Compiled; see _state for names."""

from app.compiled import hot_in_place
from collector.pairing import _state as s
from collector.pairing._calls import abandon
from collector.pairing._state import Met, Rows, Tables


@hot_in_place
def oldest_open(threads: Rows) -> int:
    """Since when the oldest call of ours has been waiting for its exit; 2^62 if none is."""
    oldest = 1 << 62
    for at in range(len(threads)):
        thread = threads[at]
        if thread.tid != 0 and thread.code != 0 and thread.code != s.OTHER:
            returned = thread.met & Met.RETURN
            oldest = min(oldest, thread.ts_ret if returned else thread.ts_enter)
    return oldest


@hot_in_place
def sweep(tables: Tables, before: int) -> None:
    """Write down open calls whose return is known from below, and those entered `before`.

    The latter stay unconfirmed even if their exit comes after all. There is room for all threads.
    """
    for at in range(len(tables.threads)):
        thread = tables.threads[at]
        if thread.tid == 0 or thread.code == 0 or thread.code == s.OTHER:
            continue
        if thread.met & Met.RETURN:
            abandon(tables, thread)
        elif thread.ts_enter < before:
            abandon(tables, thread)
            thread.code, thread.met = s.OTHER, Met.SYS_ENTER
