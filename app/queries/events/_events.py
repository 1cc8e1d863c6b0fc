"""Pages of events."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.events import LIMIT, EventArray, TraceClock
from app.model.stats import EventQuery
from app.queries.events._trace_clock import trace_clock
from app.queries.figures import row_id
from app.queries.tables import events_table
from app.store.read import Reader
from app.store.schema import Vm

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class EventsPage:
    """A page of events in the order asked for."""

    events: EventArray
    seqs: npt.NDArray[np.int64]
    next_after: int | None  # seq of the last event here if there are more
    clock: TraceClock

    def table(self) -> pa.RecordBatch:
        return events_table(self.events, self.seqs, self.clock)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The same table in parts."""
        for part in parts(len(self.events)):
            yield events_table(self.events[part], self.seqs[part], self.clock)


def parts(count: int) -> Iterator[slice]:
    """Divide so many rows into parts of a size that is quick to write and small to hold."""
    for first in range(0, count, BATCH_ROWS):
        yield slice(first, first + BATCH_ROWS)


def events_page(
    reader: Reader,
    vm: Vm,
    query: EventQuery,
    after_seq: int | None,
    limit: int,
    *,
    is_newest_first: bool = False,
) -> EventsPage:
    """At most `limit` events, of what follows a sequence number in order."""
    after, before = (-1 if after_seq is None else after_seq), None
    if is_newest_first:
        after, before = -1, LIMIT if after_seq is None else after_seq
    events, seqs = reader.events(
        row_id(vm),
        query,
        after_seq=after,
        before_seq=before,
        limit=limit + 1,  # one more shows whether there are more
    )
    has_more = len(seqs) > limit
    return EventsPage(
        events=events[:limit],
        seqs=seqs[:limit],
        next_after=int(seqs[limit - 1]) if has_more else None,
        clock=trace_clock(reader, vm),
    )
