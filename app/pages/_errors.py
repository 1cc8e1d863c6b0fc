"""What nobody can have: a page for a person with a browser, a problem for everything else."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from app.http.answers import API_PREFIX, problem_response, quality
from app.rendering import error_page

HTML_TYPE = "text/html"
JSON_TYPES = frozenset({"application/json", "application/problem+json"})


def prefers_html(accept: str) -> bool:
    """Whether an Accept header names HTML, and likes it better than JSON."""
    wishes = [(wish.partition(";")[0].strip(), quality(wish)) for wish in accept.split(",")]
    html = max((liking for name, liking in wishes if name == HTML_TYPE), default=0.0)
    json = max((liking for name, liking in wishes if name in JSON_TYPES), default=0.0)
    return html > json


def refusal(
    path: str, asked: Headers, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that is not served, as its sender can read it."""
    if path.startswith(API_PREFIX) or not prefers_html(asked.get("accept", "")):
        return problem_response(path, status, detail, headers=dict(headers or {}))
    answer = error_page(HTTPStatus(status), sentence(path, status, detail))
    answer.headers.update(headers or {})
    return answer


def sentence(path: str, status: int, detail: str) -> str:
    if status == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        return f"There is no page {path}."
    return f"{detail[:1].upper()}{detail[1:]}."


async def answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if "GET" in headers.get("Allow", "").split(", "):
        headers["Allow"] += ", HEAD"  # see app.serving
    return refusal(request.url.path, request.headers, error.status_code, error.detail, headers)
