"""What happened over time, in buckets."""

import numpy as np
import pyarrow as pa

from app.model.filtering import ANY, EventFilter
from app.model.timeline import Timeline
from app.store.reader import Reader
from app.views.time_axis import edges_of, stretch_of

COUNTS = (
    "to_private",
    "to_shared",
    "failed",
    "unconfirmed",
    "noop",
    "hypercalls",
    "memory_faults",
    "page_faults",
    "private_faults",
    "pages_to_private",
    "pages_to_shared",
    "private",
    "shared",
    "unknown",
    "mixed_2m",
)
TIMELINE = pa.schema([("from", pa.int64()), ("to", pa.int64()), *((n, pa.int64()) for n in COUNTS)])


def timeline_of(
    reader: Reader,
    vm_id: int,
    from_t: int | None,
    to_t: int | None,
    buckets: int,
    gfns: tuple[int | None, int | None] = (None, None),
    where: EventFilter = ANY,
) -> Timeline:
    """At most so many buckets of a stretch; what is not said is the VM's whole life."""
    start, end = stretch_of(reader, vm_id, from_t, to_t)
    edges = reader.fit_edges(vm_id, edges_of(start, end, buckets))
    return reader.timeline(vm_id, edges, gfn_from=gfns[0], gfn_to=gfns[1], where=where)


def timeline_table(timeline: Timeline) -> pa.RecordBatch:
    """A row a bucket; states are those at its end."""
    columns = {name: getattr(timeline, name) for name in COUNTS}
    edges = np.asarray(timeline.t_edges)
    return pa.RecordBatch.from_pydict(
        {"from": edges[:-1], "to": edges[1:], **columns}, schema=TIMELINE
    )
