"""One shape for every error: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from app.http.answers._headers import SECURITY_HEADERS
from app.store.checksums import DamagedError
from app.store.errors import Conflict, NotFound, NotKept, StoreError

PROBLEM_TYPE = "application/problem+json"


class ParameterProblem(BaseModel):
    """What is wrong with one parameter."""

    parameter: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    errors: list[ParameterProblem] | None = None


SCHEMAS_PLACE = "#/components/schemas/"
MEANINGS = {
    400: "the body is not whole",
    401: "a token is needed",
    403: "another web site asked for this change",
    404: "there is no VM 7",
    406: "this resource comes as application/json only",
    408: "the body did not come in time",
    409: "note 3 was changed meanwhile; read it again",
    410: "1,048,576 events of this interval are no longer kept",
    413: "the body is larger than the limit",
    415: "send application/json",
    421: "this dashboard answers to localhost only",
    422: "to=5 is not after from=7",
    429: "this is not the token, and so many wrong ones came that each answer waits",
    500: "gmemscope failed to answer; the server's log names where",
    503: "the database cannot be read",
    507: "the server's disk has 12 MiB left",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: what a resource may answer besides its own answer."""
    return {status: _documented(HTTPStatus(status)) for status in statuses}


def _documented(status: HTTPStatus) -> dict[str, Any]:
    example = Problem(
        title=status.phrase, status=status, detail=MEANINGS[status], instance="/api/v1/vms/7"
    )
    content = {
        "schema": {"$ref": f"{SCHEMAS_PLACE}{Problem.__name__}"},
        "example": example.model_dump(exclude_none=True),
    }
    return {"description": status.phrase, "content": {PROBLEM_TYPE: content}}


PROBLEMS_OF_ALL = problems(401, 421, 422, 429, 500)
"""Of every resource; who may ask is asked first."""
PROBLEMS = PROBLEMS_OF_ALL | problems(404, 406, 503)
"""Of what answers about recordings."""
PROBLEMS_OF_CHANGES = problems(403)
PROBLEMS_OF_BODIES = PROBLEMS_OF_CHANGES | problems(400, 408, 413, 415)


class BadParameter(Exception):  # noqa: N818 -- an answer, not a fault
    """A parameter is well-formed but makes no sense here."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail


def problem_response(
    instance: str,
    status: int,
    detail: str,
    errors: list[ParameterProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers, media_type=PROBLEM_TYPE
    )


async def answer_invalid_parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        ParameterProblem(
            parameter=str(part["loc"][1]), detail=str(part["msg"]).removeprefix("Value error, ")
        )
        for part in error.errors()
    ]
    detail = "; ".join(f"{part.parameter}: {part.detail}" for part in errors)
    return problem_response(request.url.path, 422, detail, errors)


async def answer_bad_parameter(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadParameter)
    errors = [ParameterProblem(parameter=error.parameter, detail=error.detail)]
    return problem_response(request.url.path, 422, error.detail, errors)


async def answer_not_found(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request.url.path, 404, str(error))


async def answer_conflict(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request.url.path, 409, str(error))


async def answer_not_kept(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request.url.path, 410, str(error))


async def answer_damage(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request.url.path, 500, str(error))


async def answer_store_error(request: Request, error: Exception) -> JSONResponse:
    return problem_response(request.url.path, 503, str(error))


async def answer_nobody(request: Request, error: Exception) -> JSONResponse:
    """Who sent half a body and went is no bug of ours, and fills no log."""
    return problem_response(request.url.path, 400, "the body is not whole")


async def answer_bug(request: Request, error: Exception) -> JSONResponse:
    """Answer that we failed; what and where is for the server's log, not for the client."""
    detail = "gmemscope failed to answer; the server's log names where"
    # This answer is made outside of all middleware, so that it brings its own headers.
    return problem_response(request.url.path, 500, detail, headers=SECURITY_HEADERS)


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RequestValidationError, answer_invalid_parameters)
    app.add_exception_handler(BadParameter, answer_bad_parameter)
    app.add_exception_handler(NotFound, answer_not_found)
    app.add_exception_handler(Conflict, answer_conflict)
    app.add_exception_handler(NotKept, answer_not_kept)
    app.add_exception_handler(DamagedError, answer_damage)
    app.add_exception_handler(StoreError, answer_store_error)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(Exception, answer_bug)
