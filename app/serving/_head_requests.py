"""HEAD wherever there is GET: the same answer without its body (RFC 9110, section 9.3.2)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Routes know GET only. An answer that goes on and on is ended once its headers are there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self._app(scope, receive, send)
        answered = asyncio.Event()

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered.set()

        async def hear_nothing() -> Message:
            """As if the client sent no body, and went when it had the headers."""
            await answered.wait()
            return {"type": "http.disconnect"}

        return await self._app({**scope, "method": "GET"}, hear_nothing, send_headers)
