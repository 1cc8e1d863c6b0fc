"""What happened over time: calls and pages by bucket, and the state at the end of each."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from app.http.answers import TABLE_RESPONSES, AnswerOf
from app.http.dependencies import ReaderOf, VmId
from app.http.parameters import EventQueryOf
from app.queries.history import COUNTS, TIMELINE, timeline_of, timeline_table
from app.queries.inventory import LossView, loss_view

router = APIRouter(prefix="/vms", tags=["timeline"])
Counts = list[int | None]


class TimelineOut(BaseModel):
    """One number a bucket; bucket i is [edges[i], edges[i + 1]), by effect time."""

    edges: list[int]
    to_private: list[int] = Field(description="Conversions that were applied.")
    to_shared: list[int] = Field(description="Conversions that were applied.")
    to_unknown: list[int] = Field(
        description="Conversions that were applied, but whose direction is not recorded."
    )
    failed: list[int] = Field(description="Conversions.")
    unconfirmed: list[int] = Field(description="Conversions whose end was not seen.")
    noop: Counts = Field(description="Applied conversions known to have changed no page.")
    uncertain: list[int] = Field(
        description="Conversions that leave open which pages they changed: their range, direction, "
        "end or pages before are not known. In a bucket with any, or with doubts, noop, "
        "pages_to_private and pages_to_shared are lower bounds, and null instead of 0."
    )
    doubts: list[int] = Field(
        description="Events of kind doubt: by conversions that may be of another VM. One of these "
        "may leave several."
    )
    unplaced: list[int] = Field(
        description="Conversions whose range is not recorded, whatever became of them."
    )
    hypercalls: Counts = Field(description="Null: not recorded, as of the other kinds of events.")
    memory_faults: Counts
    page_faults: Counts = Field(description="Guest page faults (kvm:kvm_page_fault).")
    private_faults: Counts = Field(
        description="Those known to be on private pages: a lower bound. Null: of none it is known."
    )
    pages_to_private: Counts = Field(description="Pages that were shared before.")
    pages_to_shared: Counts = Field(description="Pages that were private before.")
    private: Counts = Field(
        description="Pages in memslots at the bucket's end. Where no memslot is known, as of the "
        "other states: those that conversions named, or null."
    )
    shared: Counts = Field(description="Pages in memslots at the bucket's end.")
    unknown: Counts = Field(description="Pages in memslots at the bucket's end.")
    mixed_2m: Counts = Field(
        description="2 MiB blocks known to be neither all private nor all shared. Null: none is, "
        "but pages are unknown."
    )
    losses: list[LossView] = Field(description="Where the recording lost events.")


@router.get("/{vm_id}/timeline", response_model=TimelineOut, responses=TABLE_RESPONSES)
def show_timeline(
    reader: ReaderOf,
    answer: AnswerOf,
    vm_id: VmId,
    query: EventQueryOf,
    buckets: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 500,
) -> TimelineOut | Response:
    """Conversions, faults and states over time.

    What is counted are the events that a gpa window or a filter leaves, chosen as by `events`;
    states are always of the whole VM.
    """
    vm = reader.vm(vm_id)
    timeline = timeline_of(reader, vm_id, query, buckets)
    table = timeline_table(timeline, vm, reader.recording(vm.recording_id))
    if answer.table is not None:
        return answer.rows([table], TIMELINE)
    edges = timeline.t_edges.tolist()
    losses = reader.losses(vm.recording_id, edges[0], edges[-1])
    counts = {name: table.column(name).to_pylist() for name in COUNTS}
    return TimelineOut(edges=edges, losses=[loss_view(loss) for loss in losses], **counts)
