"""The same rows as JSON, CSV, Arrow or Parquet: chosen by suffix (`.csv`) or by Accept."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
JSON_TYPE = "application/json"
TABLE_TYPES = {
    TableFormat.CSV: "text/csv",
    TableFormat.ARROW: "application/vnd.apache.arrow.file",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
}
FORMATS: dict[str, TableFormat | None] = {
    JSON_TYPE: None,
    **{media_type: table for table, media_type in TABLE_TYPES.items()},
    "application/*": None,
    "text/*": TableFormat.CSV,
    "*/*": None,
}
"""By what an Accept header may name. None: JSON."""
OUR_TYPES = (JSON_TYPE, *TABLE_TYPES.values())
TYPE_OF_SUFFIX = {"json": JSON_TYPE, **{str(table): name for table, name in TABLE_TYPES.items()}}

BINARY = {"type": "string", "format": "binary"}
TABLE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, or the rows alone as CSV, as an Arrow IPC file or as Parquet (suffix "
        "or Accept), where the header X-Gmemscope-Truncated shows whether the limit cut them and "
        "Link names the rest.",
        "content": {
            TABLE_TYPES[TableFormat.CSV]: {"schema": {"type": "string"}},
            TABLE_TYPES[TableFormat.ARROW]: {"schema": BINARY},
            TABLE_TYPES[TableFormat.PARQUET]: {"schema": BINARY},
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
    accept = TYPE_OF_SUFFIX.get(suffix)
    if accept is None or scope["path"] == OPENAPI_PATH:
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"accept"]
    return {**scope, "path": stem, "headers": [*headers, (b"accept", accept.encode())]}


def negotiate(request: Request) -> TableFormat | None:
    """The format that the client likes best among ours, None for JSON. Raises 406 if it accepts
    none of them."""
    wishes = [wish.strip() for wish in request.headers.get("accept", "*/*").split(",")]
    for wish in sorted(wishes, key=quality, reverse=True):
        media_type = wish.partition(";")[0].strip()
        if media_type in FORMATS and quality(wish) > 0:
            return FORMATS[media_type]
    raise HTTPException(406, f"this resource comes as {', '.join(OUR_TYPES)}")


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
    if negotiate(request) is not None:
        raise HTTPException(406, f"this resource comes as {JSON_TYPE} only")


OnlyJson = Depends(only_json)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is to be answered."""

    request: Request
    table: TableFormat | None
    """None: as JSON."""

    def rows(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        following: str | None = None,
        cursor: str = "after",
    ) -> StreamingResponse:
        """The rows alone, as the table that is asked for, sent as they are made.

        `following` is what the parameter `cursor` must be for the rest, None if nothing was cut.
        """
        assert self.table is not None
        headers = {"X-Gmemscope-Truncated": "false" if following is None else "true"}
        if following is not None:
            asked = self.request.scope["raw_path"].decode()  # with the suffix, if there was one
            url = self.request.url.include_query_params(**{cursor: following}).replace(path=asked)
            headers["Link"] = f'<{url}>; rel="next"'
        return StreamingResponse(
            table_chunks(batches, schema, self.table),
            media_type=TABLE_TYPES[self.table],
            headers=headers,
        )


def answer_of(request: Request) -> Answer:
    return Answer(request, negotiate(request))


AnswerOf = Annotated[Answer, Depends(answer_of)]


def json_response(members: Mapping[str, object]) -> Response:
    """A JSON object; members that are bytes are JSON already."""
    parts = (
        b'"%s":%s' % (name.encode(), value if isinstance(value, bytes) else to_json(value))
        for name, value in members.items()
    )
    return Response(b"{" + b",".join(parts) + b"}", media_type=JSON_TYPE)


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
