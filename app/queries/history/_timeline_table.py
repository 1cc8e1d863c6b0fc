"""What happened over time, in buckets."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.raster import Timeline
from app.model.stats import EventQuery
from app.queries.figures import could_hold
from app.queries.maps import edges_of, interval_of
from app.store.read import Reader
from app.store.schema import Recording, Vm

COUNTS = (
    "to_private",
    "to_shared",
    "to_unknown",
    "failed",
    "unconfirmed",
    "noop",
    "uncertain",
    "unplaced",
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
    "doubts",
)
_KINDS = {
    "hypercalls": "hypercall",
    "memory_faults": "memory_fault",
    "page_faults": "page_fault",
}
Mask = npt.NDArray[np.bool_]
TIMELINE = pa.schema([("from", pa.int64()), ("to", pa.int64()), *((n, pa.int64()) for n in COUNTS)])


def timeline_of(reader: Reader, vm_id: int, query: EventQuery, buckets: int) -> Timeline:
    """At most so many buckets of a window; without times it is the VM's whole life."""
    start, end = interval_of(reader, vm_id, query.t_from, query.t_to)
    edges = reader.fit_edges(vm_id, edges_of(start, end, buckets))
    return reader.timeline(
        vm_id, edges, gfn_from=query.gfn_from, gfn_to=query.gfn_to, where=query.where
    )


def is_known(timeline: Timeline, vm: Vm, recording: Recording) -> dict[str, Mask]:
    """[buckets] of each count: whether it means anything. A sum of what was not recorded in full is
    a lower bound, and excludes nothing where it is 0."""
    all_ = np.ones(len(timeline.requested), np.bool_)
    known = dict.fromkeys(COUNTS, all_)
    for name in ("noop", "pages_to_private", "pages_to_shared"):
        known[name] = (getattr(timeline, name) > 0) | ~timeline.leaves_open
    for name in ("private", "shared", "unknown"):
        known[name] = all_ & vm.layout_is_known | (getattr(timeline, name) > 0)
    has_all_states = (timeline.unknown == 0) & vm.layout_is_known
    known["mixed_2m"] = has_all_states | (timeline.mixed_2m > 0)
    for name, kind in _KINDS.items():
        known[name] = all_ & could_hold(vm, recording, kind)
    # None is ever known to be shared: where none is known to be private, none is known at all.
    is_known = (timeline.private_faults > 0) | (timeline.page_faults == 0)
    known["private_faults"] = known["page_faults"] & is_known
    return known


def timeline_table(timeline: Timeline, vm: Vm, recording: Recording) -> pa.RecordBatch:
    """A row a bucket; states are those at its end. Null: nothing is known."""
    known = is_known(timeline, vm, recording)
    columns = {name: pa.array(getattr(timeline, name), mask=~known[name]) for name in COUNTS}
    edges = np.asarray(timeline.t_edges)
    return pa.RecordBatch.from_pydict(
        {"from": edges[:-1], "to": edges[1:], **columns}, schema=TIMELINE
    )
