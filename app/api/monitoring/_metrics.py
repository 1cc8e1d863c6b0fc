"""What is stored, what goes on in recordings that are written now, counters of their collectors,
and the memory of this process, for Prometheus: text 0.0.4, or OpenMetrics for who asks for it."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import PlainTextResponse

from app.api.monitoring._families import Monitored
from app.http.dependencies import CountsOf, LiveOf, ReaderOf

router = APIRouter(tags=["health"])
Accept = Annotated[
    str,
    Header(description="OpenMetrics of version 2.0.0 and later has native histograms."),
]


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(reader: ReaderOf, live: LiveOf, counts: CountsOf, accept: Accept = "") -> Response:
    """Counters and gauges of what is stored, and of what is being recorded."""
    from app.api.monitoring._exposition import exposition  # nothing else needs the client

    live.look()
    body, media_type = exposition(Monitored(reader, live, counts), accept)
    return Response(body, media_type=media_type)
