"""What happened over time: calls and pages by bucket, and the state at the end of each."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.http.answers import TABLE_RESPONSES, AnswerOf
from app.http.dependencies import ReaderOf, VmId
from app.http.parameters import EventQueryOf
from app.queries.history import (
    TIMELINE,
    Buckets,
    TimelineView,
    timeline_of,
    timeline_table,
    timeline_view,
)
from app.queries.inventory import expired_views

router = APIRouter(prefix="/vms", tags=["timeline"])


@router.get("/{vm_id}/timeline", response_model=TimelineView, responses=TABLE_RESPONSES)
def show_timeline(
    reader: ReaderOf,
    answer: AnswerOf,
    vm_id: VmId,
    query: EventQueryOf,
    buckets: Annotated[int, Query(ge=1, le=10_000, description="At most so many.")] = 500,
) -> TimelineView | Response:
    """Conversions, faults and states over time.

    What is counted are the events that a gpa window or a filter leaves, chosen as by `events`;
    states are always of the whole VM.
    """
    vm = reader.vm(vm_id)
    timeline = timeline_of(reader, vm_id, query, buckets)
    counted = Buckets(timeline, vm, reader.recording(vm.recording_id))
    if answer.table is not None:
        return answer.rows([timeline_table(counted)], TIMELINE)
    first_t, *_, end_t = timeline.t_edges.tolist()
    losses = reader.losses(vm.recording_id, first_t, end_t)
    return timeline_view(counted, losses, expired_views(reader, vm_id, first_t, end_t))
