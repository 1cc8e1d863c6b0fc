"""The same rows as JSON, CSV, Arrow or Parquet: chosen by suffix (`.csv`) or by Accept."""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.queries.choices import TableFormat
from app.queries.tables import table_chunks

API_PREFIX = "/api/v1/"
OPENAPI_PATH = "/api/v1/openapi.json"
CSV_TYPE = "text/csv"
ARROW_TYPE = "application/vnd.apache.arrow.file"
PARQUET_TYPE = "application/vnd.apache.parquet"


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


MEDIA_TYPES = {
    "application/json": Format.JSON,
    CSV_TYPE: Format.CSV,
    ARROW_TYPE: Format.ARROW,
    PARQUET_TYPE: Format.PARQUET,
    "application/*": Format.JSON,
    "text/*": Format.CSV,
    "*/*": Format.JSON,
}
MEDIA_TYPE_OF = {
    Format.JSON: "application/json",
    Format.CSV: CSV_TYPE,
    Format.ARROW: ARROW_TYPE,
    Format.PARQUET: PARQUET_TYPE,
}
MEDIA_TYPE_OF_SUFFIX = {wanted.value: media.encode() for wanted, media in MEDIA_TYPE_OF.items()}

TABLE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or the rows alone as CSV, as an Arrow IPC file or as Parquet (suffix "
        "or Accept), where the header X-Gmemscope-Truncated shows whether the limit cut them and "
        "Link names the rest.",
        "content": {
            CSV_TYPE: {"schema": {"type": "string"}},
            ARROW_TYPE: {"schema": {"type": "string", "format": "binary"}},
            PARQUET_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    },
}
"""For OpenAPI: resources that also come as CSV and Arrow."""


class SuffixMiddleware:
    """Lets `/api/v1/vms/3/events.csv` mean `/api/v1/vms/3/events` with `Accept: text/csv`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(API_PREFIX):
            scope = without_suffix(scope)
        await self._app(scope, receive, send)


def without_suffix(scope: Scope) -> Scope:
    """Move a format suffix of the path into the Accept header. OpenAPI's own name stays."""
    stem, _, suffix = scope["path"].rpartition(".")
    accept = MEDIA_TYPE_OF_SUFFIX.get(suffix)
    if accept is None or scope["path"] == OPENAPI_PATH:
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"accept"]
    return {**scope, "path": stem, "headers": [*headers, (b"accept", accept)]}


def negotiate(request: Request) -> Format:
    """The format that the client likes best among ours. Raises 406 if it accepts none of them."""
    wishes = [wish.strip() for wish in request.headers.get("accept", "*/*").split(",")]
    for wish in sorted(wishes, key=quality, reverse=True):
        wanted = MEDIA_TYPES.get(wish.partition(";")[0].strip())
        if wanted is not None and quality(wish) > 0:
            return wanted
    raise HTTPException(406, f"this resource comes as {', '.join(MEDIA_TYPE_OF.values())}")


def quality(wish: str) -> float:
    """The `q` of one part of an Accept header (RFC 9110, section 12.4.2)."""
    for parameter in wish.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def only_json(request: Request) -> None:
    if negotiate(request) is not Format.JSON:
        raise HTTPException(406, "this resource comes as application/json only")


FormatOf = Annotated[Format, Depends(negotiate)]
OnlyJson = Depends(only_json)


def table_response(
    request: Request,
    wanted: Format,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    following: str | None = None,
    cursor: str = "after",
) -> StreamingResponse:
    """Rows as a CSV or Arrow file, sent as they are made.

    `following` is what the parameter `cursor` must be for the rest, None if nothing was cut.
    """
    headers = {"X-Gmemscope-Truncated": "false" if following is None else "true"}
    if following is not None:
        asked = request.scope["raw_path"].decode()  # with the suffix, where there was one
        rest = request.url.include_query_params(**{cursor: following}).replace(path=asked)
        headers["Link"] = f'<{rest}>; rel="next"'
    return StreamingResponse(
        table_chunks(batches, schema, TableFormat(wanted.value)),
        media_type=MEDIA_TYPE_OF[wanted],
        headers=headers,
    )


def json_response(members: Mapping[str, object]) -> Response:
    """A JSON object; members that are bytes are JSON already."""
    parts = (
        b'"%s":%s' % (name.encode(), value if isinstance(value, bytes) else to_json(value))
        for name, value in members.items()
    )
    return Response(b"{" + b",".join(parts) + b"}", media_type="application/json")


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
