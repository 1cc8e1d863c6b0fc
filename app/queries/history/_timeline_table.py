"""What happened over time, in buckets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, get_type_hints

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from app.model.raster import Timeline
from app.model.stats import EventQuery
from app.queries.figures import could_hold
from app.queries.inventory import ExpiredView, LossView, loss_view
from app.queries.maps import edges_of, interval_of
from app.store.protocol import Loss
from app.store.read import Reader
from app.store.schema import Recording, Vm

Mask = npt.NDArray[np.bool_]
Counts = list[int | None]


@dataclass(frozen=True, slots=True)
class Buckets:
    """What was counted over time, and what was known of the VM."""

    timeline: Timeline
    vm: Vm
    recording: Recording

    def all_if(self, is_so: bool) -> Mask:
        return np.full(len(self.timeline.requested), is_so, np.bool_)

    def any_of(self, name: str) -> Mask:
        counts: Mask = getattr(self.timeline, name) > 0
        return counts


@dataclass(frozen=True, slots=True)
class Count:
    """A number of each bucket. One that was not recorded in full is a lower bound, and excludes
    nothing where it is 0."""

    is_complete: Callable[[Buckets], Mask] = lambda one: one.all_if(True)
    """[buckets] where 0 means that there was none."""
    is_known: Callable[[Buckets], Mask] = lambda one: one.all_if(True)
    """[buckets] where it was recorded at all."""


def _of_kind(kind: str) -> Count:
    return Count(is_known=lambda one: one.all_if(could_hold(one.vm, one.recording, kind)))


_CHANGES = Count(lambda one: ~one.timeline.leaves_open)
_STATE = Count(lambda one: one.all_if(one.vm.layout_is_known))
_MIXED = Count(lambda one: (one.timeline.unknown == 0) & one.vm.layout_is_known)
# None is ever known to be shared: where none is known to be private, none is known at all.
_PRIVATE_FAULTS = Count(
    lambda one: one.timeline.page_faults == 0, is_known=_of_kind("page_fault").is_known
)


@dataclass(frozen=True, slots=True)
class TimelineView:
    """One number a bucket; bucket i is [edges[i], edges[i + 1]), by effect time. Null: it is not
    known, as where events are no longer kept."""

    edges: list[int]
    to_private: Annotated[Counts, Count(), Field(description="Conversions that were applied.")]
    to_shared: Annotated[Counts, Count(), Field(description="Conversions that were applied.")]
    to_unknown: Annotated[
        Counts,
        Count(),
        Field(description="Conversions that were applied, but whose direction is not recorded."),
    ]
    failed: Annotated[Counts, Count(), Field(description="Conversions.")]
    unconfirmed: Annotated[
        Counts, Count(), Field(description="Conversions whose end was not seen.")
    ]
    noop: Annotated[
        Counts, _CHANGES, Field(description="Applied conversions known to have changed no page.")
    ]
    uncertain: Annotated[
        Counts,
        Count(),
        Field(
            description="Conversions that leave open which pages they changed: their range, "
            "direction, end or pages before are not known. In a bucket with any, or with doubts, "
            "noop, pages_to_private and pages_to_shared are lower bounds, and null instead of 0."
        ),
    ]
    doubts: Annotated[
        Counts,
        Count(),
        Field(
            description="Events of kind doubt: by conversions that may be of another VM. One of "
            "these may leave several."
        ),
    ]
    unplaced: Annotated[
        Counts,
        Count(),
        Field(description="Conversions whose range is not recorded, whatever became of them."),
    ]
    hypercalls: Annotated[
        Counts,
        _of_kind("hypercall"),
        Field(description="Null: not recorded, as of the other kinds of events."),
    ]
    memory_faults: Annotated[Counts, _of_kind("memory_fault")]
    page_faults: Annotated[
        Counts,
        _of_kind("page_fault"),
        Field(description="Guest page faults (kvm:kvm_page_fault)."),
    ]
    private_faults: Annotated[
        Counts,
        _PRIVATE_FAULTS,
        Field(
            description="Those known to be on private pages: a lower bound. Null: of none it is "
            "known."
        ),
    ]
    pages_to_private: Annotated[
        Counts, _CHANGES, Field(description="Pages that were shared before.")
    ]
    pages_to_shared: Annotated[
        Counts, _CHANGES, Field(description="Pages that were private before.")
    ]
    private: Annotated[
        Counts,
        _STATE,
        Field(
            description="Pages in memslots at the bucket's end. Where no memslot is known, as of "
            "the other states: those that conversions named, or null."
        ),
    ]
    shared: Annotated[Counts, _STATE, Field(description="Pages in memslots at the bucket's end.")]
    unknown: Annotated[Counts, _STATE, Field(description="Pages in memslots at the bucket's end.")]
    mixed_2m: Annotated[
        Counts,
        _MIXED,
        Field(
            description="2 MiB blocks known to be neither all private nor all shared. Null: none "
            "is, but pages are unknown."
        ),
    ]
    losses: Annotated[list[LossView], Field(description="Where the recording lost events.")]
    expired: Annotated[list[ExpiredView], Field(description="Where its events are no longer kept.")]


COUNTS: dict[str, Count] = {
    name: one
    for name, hint in get_type_hints(TimelineView, include_extras=True).items()
    for one in getattr(hint, "__metadata__", ())
    if isinstance(one, Count)
}
"""Those that the view declares, by name."""
COLUMNS = sorted(COUNTS, key=lambda name: name == "doubts")
"""Of tables, in which columns that came later are last."""
TIMELINE = pa.schema(
    [("from", pa.int64()), ("to", pa.int64()), *((name, pa.int64()) for name in COLUMNS)]
)


def timeline_of(reader: Reader, vm_id: int, query: EventQuery, buckets: int) -> Timeline:
    """At most so many buckets of a window; without times it is the VM's whole life."""
    start, end = interval_of(reader, vm_id, query.t_from, query.t_to)
    edges = reader.fit_edges(vm_id, edges_of(start, end, buckets))
    return reader.timeline(
        vm_id, edges, gfn_from=query.gfn_from, gfn_to=query.gfn_to, where=query.where
    )


def where_known(buckets: Buckets, name: str) -> Mask:
    """[buckets]: whether a count means anything."""
    count = COUNTS[name]
    is_known = count.is_known(buckets)
    if count not in (_STATE, _MIXED):
        is_known &= buckets.timeline.is_kept
    return is_known & (count.is_complete(buckets) | buckets.any_of(name))


def timeline_table(buckets: Buckets) -> pa.RecordBatch:
    """A row a bucket; states are those at its end. Null: nothing is known."""
    timeline = buckets.timeline
    columns = {
        name: pa.array(getattr(timeline, name), mask=~where_known(buckets, name))
        for name in COLUMNS
    }
    edges = np.asarray(timeline.t_edges)
    return pa.RecordBatch.from_pydict(
        {"from": edges[:-1], "to": edges[1:], **columns}, schema=TIMELINE
    )


def timeline_view(buckets: Buckets, losses: list[Loss], expired: list[ExpiredView]) -> TimelineView:
    """The same, a list a count."""
    table = timeline_table(buckets)
    return TimelineView(
        edges=buckets.timeline.t_edges.tolist(),
        losses=[loss_view(loss) for loss in losses],
        expired=expired,
        **{name: table.column(name).to_pylist() for name in COUNTS},
    )
