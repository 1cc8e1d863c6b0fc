"""Tables of requests: conversions that wait for their outcome, and what guests asked for. Compiled.

Both are short, and oldest first: what goes is taken out of the middle.
"""

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import Cause
from collector.codes import SAW_ENTER, SAW_EXIT
from collector.pairing import state as s
from collector.trace.qemu._rows import emit_conversion
from collector.trace.qemu._state import MOST_REQUESTS, Tables

ANSWERED = constant(int(s.SEEN_WITH_STRUCT) & ~SAW_ENTER)
"""Its entry was not seen at the time that is recorded: how long it took is not known."""
ASKED_ONLY = constant(int(s.SEEN_WITH_STRUCT) & ~SAW_EXIT)
_BELOW_PAGE = 4095
_EINVAL = constant(22)


@hot_part
def put(tables: Tables, table: s.Rows, count: int, record: s.Row, attributes: int) -> None:
    """Make the row at hand the request at place `count`, of a cause that is not known."""
    request = table[count]
    request.ts, request.seq, request.tid = record.ts, tables.shared[0].seq, record.tid
    request.start, request.size, request.attributes = record.v[0], record.v[1], attributes
    request.cause, request.is_called = Cause.NONE, 0


@hot_part
def move_up(table: s.Rows, place: int, count: int) -> None:
    """Fill the gap at `place` from the `count` requests behind it."""
    for i in range(place, place + count):
        table[i] = table[i + 1]


@hot_part
def remove_waiting(tables: Tables, i: int) -> None:
    tables.shared[0].waiting -= 1
    move_up(tables.waiting, i, tables.shared[0].waiting - i)


@hot_part
def remove_asked(tables: Tables, i: int) -> None:
    tables.shared[0].asked -= 1
    move_up(tables.asked, i, tables.shared[0].asked - i)


@hot_part
def is_same_range(request: s.Row, record: s.Row) -> bool:
    return bool(request.start == record.v[0] and request.size == record.v[1])


@hot_part
def newest_asked(tables: Tables, record: s.Row, attributes: int) -> int:
    """The latest of the guest's requests for exactly that by that thread; -1 if there is none."""
    for i in range(tables.shared[0].asked - 1, -1, -1):
        asked = tables.asked[i]
        is_own = asked.tid == record.tid and asked.attributes == attributes
        if is_own and is_same_range(asked, record):
            return i
    return -1


@hot_in_place
def wait(tables: Tables, record: s.Row, attributes: int) -> int:
    """QEMU set about a conversion: let it wait for its outcome, and return its place."""
    if tables.shared[0].waiting == MOST_REQUESTS:
        give_up(tables, 0)
    place = tables.shared[0].waiting
    put(tables, tables.waiting, place, record, attributes)
    tables.shared[0].waiting = place + 1
    return int(place)


@hot_in_place
def settle(tables: Tables, i: int, ts: int, seq: int, flags: int, ret: int) -> None:
    """Write down what became of the conversion at place `i`, which waits no longer."""
    emit_conversion(tables, tables.waiting[i], ts, seq, flags, ret)
    remove_waiting(tables, i)


@hot_in_place
def give_up(tables: Tables, i: int) -> None:
    """Nothing recorded what became of it. What has no whole pages QEMU itself refuses."""
    waiting = tables.waiting[i]
    is_whole = (waiting.start | waiting.size) & _BELOW_PAGE == 0 and waiting.size != 0
    if is_whole:
        settle(tables, i, waiting.ts, waiting.seq, ASKED_ONLY, s.NONE)
    else:
        settle(tables, i, waiting.ts, waiting.seq, ANSWERED, -_EINVAL)


@hot_in_place
def give_up_before(tables: Tables, seq: int) -> None:
    """Those that have waited since before a row. There is room for all of them."""
    while tables.shared[0].waiting > 0 and tables.waiting[0].seq < seq:
        give_up(tables, 0)
