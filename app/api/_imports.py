"""Importing files that a browser sends."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field

from app.http.answers import (
    PROBLEMS_OF_BODIES,
    PROBLEMS_OF_CHANGES,
    OnlyJson,
    problem_response,
    problems,
)
from app.http.dependencies import ImportsOf
from app.http.parameters import file_name
from app.importing import ImportRefused, Job
from app.store.errors import NotFound

router = APIRouter(prefix="/imports", tags=["imports"], dependencies=[OnlyJson])

CONTENT_TYPE = "application/octet-stream"
"""A form of another web site cannot send this: its browser would have to ask us first."""
A_FILE = {"schema": {"type": "string", "format": "binary"}}

FileName = Annotated[
    str,
    AfterValidator(file_name),
    Query(min_length=1, max_length=4096, description="The file's name; folders are left out."),
]
JobId = Annotated[int, Path(ge=1, description="The import's number.")]


@dataclass(frozen=True, slots=True)
class ImportView:
    """How far an import has come."""

    id: int
    name: str
    state: Annotated[
        str, Field(description="receiving, waiting, running, done, failed or cancelled")
    ]
    place: Annotated[
        int | None, Field(description="How many are imported before it. Null: it does not wait.")
    ]
    file_bytes: Annotated[int, Field(description="As announced, while it is received.")]
    received_bytes: int
    bytes_read: Annotated[int | None, Field(description="Null: not read from front to back.")]
    calls: int
    problem: Annotated[str | None, Field(description="What was wrong with the file.")]
    summary: Annotated[
        dict[str, Any] | None, Field(description="As `gmemscope import --json` prints it.")
    ]


def view_of(jobs: ImportsOf, job: Job) -> ImportView:
    return ImportView(
        job.id,
        job.name,
        job.state,
        jobs.place(job),
        job.file_bytes,
        job.received_bytes,
        job.bytes_read,
        job.calls,
        job.problem,
        job.summary,
    )


def found(jobs: ImportsOf, number: int) -> Job:
    """Raises NotFound."""
    job = jobs.job(number)
    if job is None:
        raise NotFound(f"there is no import {number}")
    return job


@router.post(
    "",
    status_code=202,
    response_model=ImportView,
    responses=PROBLEMS_OF_BODIES | problems(409, 507),
    openapi_extra={"requestBody": {"required": True, "content": {CONTENT_TYPE: A_FILE}}},
)
async def begin_import(
    request: Request,
    jobs: ImportsOf,
    name: FileName,
    format_name: Annotated[
        str,
        Query(alias="format", pattern="^[a-z.-]{1,32}$", description="As `gmemscope import`'s."),
    ] = "auto",
) -> Response | ImportView:
    """Send a file as the body (`application/octet-stream`); it is imported in the background, after
    those that came before it."""
    if request.headers.get("content-type") != CONTENT_TYPE:
        return problem_response(request.url.path, 415, f"send the file as {CONTENT_TYPE}")
    try:
        job = await jobs.receive(name, length_of(request), request.stream(), format_name)
    except ImportRefused as error:
        return problem_response(request.url.path, error.status, str(error))
    return JSONResponse(
        content=_as_json(view_of(jobs, job)),
        status_code=202,
        headers={"Location": f"/api/v1/imports/{job.id}"},
    )


def length_of(request: Request) -> int | None:
    """As announced."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None


def _as_json(view: ImportView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in view.__slots__}


@router.get("")
async def list_imports(jobs: ImportsOf) -> list[ImportView]:
    """The imports under way and the latest others, in the order in which they came."""
    return [view_of(jobs, job) for job in jobs.jobs()]


@router.get("/{import_id}")
async def show_import(jobs: ImportsOf, import_id: JobId) -> ImportView:
    """How far an import has come, and what became of it."""
    return view_of(jobs, found(jobs, import_id))


@router.delete("/{import_id}", responses=PROBLEMS_OF_CHANGES)
async def cancel_import(jobs: ImportsOf, import_id: JobId) -> ImportView:
    """End an import; nothing of it is kept."""
    job = found(jobs, import_id)
    await jobs.cancel(job)
    return view_of(jobs, job)
