"""What happened over time: calls and pages by bucket, and the state at the end of each."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.dependencies import ReaderOf, VmId
from app.api.event_filters import EventsWanted
from app.api.formats import TABLE_RESPONSES, Format, FormatOf, table_response
from app.api.parameters import GfnsOf, TimesOf
from app.views.recordings import LossView, loss_view
from app.views.timelines import COUNTS, TIMELINE, timeline_of, timeline_table

router = APIRouter(prefix="/vms", tags=["timeline"])


class TimelineOut(BaseModel):
    """One number a bucket; bucket i is [edges[i], edges[i + 1]), by effect time."""

    edges: list[int]
    to_private: list[int] = Field(description="Conversions that were applied.")
    to_shared: list[int] = Field(description="Conversions that were applied.")
    failed: list[int] = Field(description="Conversions.")
    unconfirmed: list[int] = Field(description="Conversions whose end was not seen.")
    noop: list[int] = Field(description="Applied conversions that changed no page.")
    hypercalls: list[int]
    memory_faults: list[int]
    page_faults: list[int] = Field(description="Guest page faults (kvm:kvm_page_fault).")
    private_faults: list[int] = Field(description="Those known to be on private pages.")
    pages_to_private: list[int] = Field(description="Pages that were shared before.")
    pages_to_shared: list[int] = Field(description="Pages that were private before.")
    private: list[int] = Field(description="Pages in memslots at the bucket's end.")
    shared: list[int] = Field(description="Pages in memslots at the bucket's end.")
    unknown: list[int] = Field(description="Pages in memslots at the bucket's end.")
    mixed_2m: list[int] = Field(description="2 MiB blocks neither all private nor all shared.")
    losses: list[LossView] = Field(description="Where the recording lost events.")


@router.get("/{vm_id}/timeline", response_model=TimelineOut, responses=TABLE_RESPONSES)
def show_timeline(
    request: Request,
    reader: ReaderOf,
    wanted: FormatOf,
    vm_id: VmId,
    times: TimesOf,
    gfns: GfnsOf,
    where: EventsWanted,
    buckets: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 500,
) -> TimelineOut | Response:
    """Conversions, faults and states over time.

    What is counted are the events that a gpa window or a filter leaves, chosen as by `events`;
    states are always of the whole VM.
    """
    vm = reader.vm(vm_id)
    stretch = (times.first, times.end)
    timeline = timeline_of(reader, vm_id, *stretch, buckets, (gfns.first, gfns.end), where)
    if wanted is not Format.JSON:
        return table_response(request, wanted, [timeline_table(timeline)], TIMELINE)
    edges = timeline.t_edges.tolist()
    losses = reader.losses(vm.recording_id, edges[0], edges[-1])
    counts = {name: getattr(timeline, name).tolist() for name in COUNTS}
    return TimelineOut(edges=edges, losses=[loss_view(loss) for loss in losses], **counts)
