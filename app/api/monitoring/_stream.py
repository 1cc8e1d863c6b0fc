"""Server-sent events: which VM changed, and up to when. Never data."""

from collections.abc import AsyncGenerator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.http.dependencies import FeedOf
from app.http.feed import ChangeFeed

RETRY_MS = 1000
"""How long a client that lost the connection waits before it tries again."""

EXAMPLE = (
    'event: changed\ndata: {"vm":1,"recording":1,"up_to":15000,"revision":7,"notes_revision":0}\n\n'
)

router = APIRouter(tags=["stream"])


class Changed(BaseModel):
    """The data of a `changed` event."""

    vm: int | None = Field(description="Null: the recording, which has no VM yet.")
    recording: int
    up_to: int = Field(description="What is stored reaches up to here, ns since the start.")
    revision: int = Field(description="The same as before: only time has passed for this VM.")
    notes_revision: int = Field(description="Another than before: its notes changed.")


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events named `changed`; after connecting, one for each VM.",
            "content": {
                "text/event-stream": {
                    "schema": Changed.model_json_schema(),
                    "example": EXAMPLE,
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
    async for head in feed.listen():
        if head is None:
            yield ": still here\n\n"
        else:
            news = Changed(
                vm=head.vm_id,
                recording=head.recording_id,
                up_to=head.up_to,
                revision=head.revision,
                notes_revision=head.notes_revision,
            )
            yield f"event: changed\ndata: {news.model_dump_json()}\n\n"
