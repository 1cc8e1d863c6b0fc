"""What one CPU's stream remembers from page to page, above all what is missing in it. Compiled."""

from app.compiled import hot_in_place
from collector.codes import RecordCode
from collector.trace.ring_buffer._gather import ROW_WORDS, Ints

LOSS_BEGIN = int(RecordCode.LOSS_BEGIN)
LOSS_END = int(RecordCode.LOSS_END)

# Places in a stream's state.
LAST_TS = 0  # of the last event, or of the last page's start
HAS_EVENTS = 1
GAP_PENDING = 2  # events are missing between LAST_TS and the next event
GAP_COUNT = 3  # how many, 0 if unknown
GAP_UNKNOWN = 4  # part of the gap is not counted
UNCOUNTED_GAP_COUNT = 5  # for a gap whose page holds no number
LOST = 6  # sum of the counted losses
UNCOUNTED_GAPS = 7
DAMAGED = 8  # number of damaged pages
FIRST_TS = 9  # of the first event
STATE_SIZE = 10  # a second copy follows: the state when the page began


@hot_in_place
def open_gap(state: Ints, count: int) -> None:
    """Events are missing from here to the next event; `count` 0: nobody knows how many."""
    if count <= 0:
        state[GAP_UNKNOWN] = 1
    state[GAP_COUNT] += max(count, 0)
    state[GAP_PENDING] = 1


@hot_in_place
def end_gap(rows: Ints, n: int, ts: int, cpu: int, state: Ints) -> int:
    """Put LOSS_BEGIN at the last event before the gap, if there is one, and LOSS_END at `ts`."""
    count = 0 if state[GAP_UNKNOWN] != 0 else state[GAP_COUNT]
    before = state[LAST_TS]
    if state[HAS_EVENTS] != 0:
        n = _put_loss(rows, n, before, LOSS_BEGIN, cpu, count, ts)
    n = _put_loss(rows, n, ts, LOSS_END, cpu, count, before)
    state[GAP_PENDING] = 0
    state[GAP_COUNT] = 0
    state[GAP_UNKNOWN] = 0
    return n


@hot_in_place
def _put_loss(rows: Ints, n: int, ts: int, code: int, cpu: int, count: int, other: int) -> int:
    for word in range(ROW_WORDS):
        rows[n, word] = 0
    rows[n, 0] = ts
    rows[n, 1] = (cpu << 32) | (code << 48)
    rows[n, 2] = count
    rows[n, 3] = other
    return n + 1
