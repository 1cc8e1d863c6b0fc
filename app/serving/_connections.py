"""Connections: how long one may keep us waiting, and which of them make room for others."""

import asyncio
import time
from typing import Any, cast

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.access import PAYING, origin_of
from app.settings import Settings

SILENT_S = 0.1
"""Who came this moment was not heard yet."""
_TOO_SLOW = b"the request did not come in time"


class Connection(H11Protocol):
    """One client. uvicorn itself waits for ever for the rest of a request, and for who does not
    read: only the time between two requests has a limit there, and any byte ends it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,  # noqa: ANN401 -- as uvicorn calls it
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        settings = cast(Settings, cast(Any, config.app).state.settings)
        self._header_s = settings.header_timeout_s
        self._idle_s = settings.idle_timeout_s
        self._heard_at = self._waits_since = self._unsent_since = time.monotonic()
        self._unsent_bytes = 0
        self.origin = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.origin = origin_of(self.client[0]) if self.client else ""

    def data_received(self, data: bytes) -> None:
        is_first = not self.is_answering and not self._has_begun
        self._heard_at = time.monotonic()
        if is_first:
            self._waits_since = self._heard_at
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._waits_since = time.monotonic()
        super().on_response_complete()

    @property
    def is_answering(self) -> bool:
        """Whether it has a request that is not answered yet: a stream is one for as long as it
        runs."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _has_begun(self) -> bool:
        """Whether a part of a request is there."""
        return self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])

    def end_if_overdue(self, now: float) -> None:
        """To be asked every now and then."""
        if self._reads_nothing(now):
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self.is_answering:
            if self._owes_body and now - self._heard_at >= self._idle_s:
                self.transport.abort()
        elif now - self._waits_since >= self._header_s:
            self._refuse_to_wait()

    def quiet_since(self, now: float) -> float | None:
        """Since when nothing would be lost by ending it: it asks for nothing, stops in the middle,
        or pays for a wrong token. None: it does none of that, or not for long enough to be
        counted."""
        if self.transport.is_closing():
            return None
        since = self._waits_since
        if self.is_answering and not self.scope["state"].get(PAYING):
            if not self._owes_body:
                return None
            since = self._heard_at
        return since if now - since >= SILENT_S else None

    def make_room(self) -> None:
        self.connections.discard(self)  # its place is free at once, its descriptor in a moment
        self.transport.abort()

    def _reads_nothing(self, now: float) -> bool:
        """Whether what is to be sent has not become less for too long."""
        before, self._unsent_bytes = self._unsent_bytes, self.transport.get_write_buffer_size()
        if self._unsent_bytes == 0 or self._unsent_bytes < before or before == 0:
            self._unsent_since = now
        return now - self._unsent_since >= self._idle_s

    @property
    def _owes_body(self) -> bool:
        """Whether the rest of a body is to come, and it is not we who are slow to take it."""
        is_awaited = self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused
        return is_awaited and not self.cycle.waiting_for_100_continue

    def _refuse_to_wait(self) -> None:
        if self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self.transport.close()  # what was asked is answered, or nothing was asked
            return
        headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        refusal = h11.Response(status_code=408, headers=headers, reason=b"Request Timeout")
        for event in (refusal, h11.Data(data=_TOO_SLOW), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
