"""What is missing in a CPU's stream, from page to page. Compiled; see _tables."""

from app.compiled import hot_in_place
from collector.codes import RecordCode
from collector.trace.ring_buffer._tables import Row, Tables


@hot_in_place
def open_gap(state: Row, count: int) -> None:
    """Events are missing from here to the next event; `count` 0: nobody knows how many."""
    if count <= 0:
        state.gap_is_uncounted = 1
    state.gap_count += max(count, 0)
    state.gap_is_open = 1


@hot_in_place
def end_gap(tables: Tables, n: int, ts: int, cpu: int) -> int:
    """Put LOSS_BEGIN at the last event before the gap, if there is one, and LOSS_END at `ts`."""
    state = tables.state[0]
    count = 0 if state.gap_is_uncounted else state.gap_count
    if state.has_events:
        _put_loss(tables.rows[n], RecordCode.LOSS_BEGIN, state.last_ts, cpu, count, ts)
        n += 1
    _put_loss(tables.rows[n], RecordCode.LOSS_END, ts, cpu, count, state.last_ts)
    state.gap_is_open, state.gap_count, state.gap_is_uncounted = 0, 0, 0
    return n + 1


@hot_in_place
def _put_loss(row: Row, code: int, ts: int, cpu: int, count: int, other: int) -> None:
    row.ts, row.tid, row.cpu, row.code, row.flags = ts, 0, cpu, code, 0
    for k in range(8):
        row.v[k] = 0
    row.v[0], row.v[1] = count, other
