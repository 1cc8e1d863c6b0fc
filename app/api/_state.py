"""The state of every page at an instant, as maximal runs."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.http.answers import TABLE_RESPONSES, AnswerOf, json_response
from app.http.dependencies import ReaderOf, VmId
from app.http.limits import MOST_RUNS
from app.http.parameters import At, GfnsOf
from app.model.events import RunArray
from app.queries.figures import TotalsView, hex_gpa
from app.queries.history import state_at
from app.queries.tables import STATE, json_array, state_table, with_gpa

router = APIRouter(prefix="/vms", tags=["state"])


class Run(BaseModel):
    """A maximal run of pages in one state."""

    gfn: int
    npages: int
    gpa: str = Field(examples=["0x100000000"])
    state: str = Field(description="private, shared or unknown")


EXAMPLE: JsonDict = {
    "vm": 1,
    "at": 41_200_000_000,
    "runs": [
        {"gfn": 0, "npages": 256, "gpa": "0x0", "state": "shared"},
        {"gfn": 0x100000, "npages": 1024, "gpa": "0x100000000", "state": "private"},
    ],
    "outside_memslots": [],
    "totals": {"private": 1024, "shared": 256, "unknown": 0, "at_least": []},
    "truncated": False,
    "limit": 100_000,
    "next": None,
}


class State(BaseModel):
    """Which page was what at an instant."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    vm: int
    at: int = Field(description="ns since the recording's start; effects at it are included.")
    runs: list[Run] = Field(description="Pages in memslots, in gfn order.")
    outside_memslots: list[Run] = Field(
        description="Pages known private that no memslot covers: attributes outlive memslots."
    )
    totals: TotalsView = Field(description="Pages in all memslots at that instant.")
    truncated: bool = Field(description="More runs than `limit` are in the window.")
    limit: int
    next: str | None = Field(description="Ask again with gpa_from=<this> for more; null: no more.")


@router.get("/{vm_id}/state", response_model=State, responses=TABLE_RESPONSES)
def show_state(
    reader: ReaderOf,
    answer: AnswerOf,
    vm_id: VmId,
    gfns: GfnsOf,
    at: At = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RUNS, description="At most so many runs.")] = 100_000,
) -> Response:
    """Which pages were private, shared or unknown at an instant."""
    state = state_at(reader, reader.vm(vm_id), at, gfns.first, gfns.end)
    following = next_gpa(state.runs, limit)
    runs = state.runs[:limit]
    if answer.table is not None:
        return answer.rows([state_table(runs)], STATE, following, "gpa_from")
    return json_response(
        {
            "vm": vm_id,
            "at": state.at,
            "runs": json_runs(runs),
            "outside_memslots": json_runs(state.outside_memslots),
            "totals": asdict(state.totals),
            "truncated": following is not None,
            "limit": limit,
            "next": following,
        }
    )


def next_gpa(runs: RunArray, limit: int) -> str | None:
    """Where the runs go on after the first `limit`, None if there are no more."""
    return hex_gpa(runs["gfn"][limit]) if len(runs) > limit else None


def json_runs(runs: RunArray) -> bytes:
    return json_array(with_gpa(state_table(runs)))
