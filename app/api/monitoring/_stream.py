"""Server-sent events: which VM changed, and up to when; which storm goes on. Never data."""

from collections.abc import AsyncGenerator
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.http.dependencies import FeedOf
from app.http.feed import ChangeFeed, StormNews
from app.store.catalogue import Watermark

RETRY_MS = 1000
"""How long a client that lost the connection waits before it tries again."""

EXAMPLE = (
    'event: changed\ndata: {"vm":1,"recording":1,"up_to":15000,"revision":7,"notes_revision":0}\n\n'
)

STORM_EXAMPLE = (
    'event: storm\ndata: {"vm":1,"recording":1,"storm":"c59911","kind":"conversions","from":12000,'
    '"to":15000,"state":"running"}\n\n'
)

router = APIRouter(tags=["stream"])


class Changed(BaseModel):
    """The data of a `changed` event."""

    vm: int | None = Field(description="Null: the recording, which has no VM yet.")
    recording: int
    up_to: int = Field(description="What is stored reaches up to here, ns since the start.")
    revision: int = Field(description="The same as before: only time has passed for this VM.")
    notes_revision: int = Field(description="Another than before: its notes changed.")


class StormChanged(BaseModel):
    """The data of a `storm` event."""

    model_config = ConfigDict(serialize_by_alias=True)

    vm: int
    recording: int
    storm: str = Field(description="Its id: see `/vms/{vm_id}/storms/{storm_id}`.")
    kind: str = Field(description="conversions, or page faults")
    from_t: int = Field(serialization_alias="from", description="ns since the recording's start.")
    to_t: int = Field(serialization_alias="to", description="Just after its last event so far.")
    state: Literal["running", "over", "gone"] = Field(
        description="gone: by what came since it is no storm any more, or it was deleted."
    )


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events named `changed`, after connecting one for each VM; events named "
            "`storm`, after connecting one for each that is running in what is recorded now.",
            "content": {
                "text/event-stream": {
                    "schema": {
                        "anyOf": [
                            Changed.model_json_schema(),
                            StormChanged.model_json_schema(by_alias=True, mode="serialization"),
                        ]
                    },
                    "example": EXAMPLE + STORM_EXAMPLE,
                }
            },
        }
    },
)
async def stream(feed: FeedOf) -> StreamingResponse:
    """Which VM changed and up to when; ask again for what you show. A comment is a heartbeat.

    Of a recording that was deleted, each VM's last event comes once more.

    A client that lost the connection connects again and reads again what it shows.
    """
    return StreamingResponse(
        messages(feed),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def messages(feed: ChangeFeed) -> AsyncGenerator[str, None]:
    yield f"retry: {RETRY_MS}\n\n"
    async for news in feed.listen():
        if news is None:
            yield ": still here\n\n"
        elif isinstance(news, StormNews):
            yield f"event: storm\ndata: {storm_changed(news).model_dump_json()}\n\n"
        else:
            yield f"event: changed\ndata: {changed(news).model_dump_json()}\n\n"


def changed(head: Watermark) -> Changed:
    return Changed(
        vm=head.vm_id,
        recording=head.recording_id,
        up_to=head.up_to,
        revision=head.revision,
        notes_revision=head.notes_revision,
    )


def storm_changed(news: StormNews) -> StormChanged:
    storm = news.storm
    return StormChanged(
        vm=storm.vm_id,
        recording=storm.recording_id,
        storm=storm.id,
        kind=storm.kind,
        from_t=storm.from_t,
        to_t=storm.to_t,
        state="gone" if news.is_gone else "over" if storm.is_over else "running",
    )
