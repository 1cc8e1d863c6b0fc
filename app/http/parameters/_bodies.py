"""JSON that somebody sends us: held to a size and to a type that other web sites cannot send."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

CONTENT_TYPE = "application/json"
"""A form of another web site cannot send this: its browser would have to ask us first."""
LONGEST_BODY = 64 << 10
LONGEST_S = 30

Body = TypeVar("Body", bound=BaseModel)


def json_body(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads the body as `model`.

    FastAPI's own would read a body of any length, and one without a type, before it asks anything.
    """

    async def read(request: Request) -> Body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != CONTENT_TYPE:
            raise HTTPException(415, f"send {CONTENT_TYPE}")
        body = await small_body(request)
        with raised_as_invalid():
            return model.model_validate_json(body)

    return read


@contextmanager
def raised_as_invalid() -> Iterator[None]:
    """Turn what a model refuses into the answer that names the member."""
    try:
        yield
    except ValidationError as error:
        raise RequestValidationError(
            [{**part, "loc": ("body", *(part["loc"] or ("body",)))} for part in error.errors()]
        ) from error


async def small_body(request: Request) -> bytes:
    """All of it, if it is small and comes soon: one that trickles in holds a connection."""
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    raise HTTPException(413, f"more than {LONGEST_BODY} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {LONGEST_S} s") from None
    return bytes(body)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a resource that takes such a body."""
    content = {CONTENT_TYPE: {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
