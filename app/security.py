"""Who may ask, and what a browser may do with the answer."""

import hashlib
import hmac
from collections.abc import Iterable
from http.cookies import SimpleCookie

from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.dependencies import SettingsOf
from app.headers import SECURITY_HEADERS
from app.pages.errors import refusal

COOKIE = "gmemscope_token"
OPEN_PATHS = frozenset({"/healthz", "/login"})
"""Reachable without a token: the first tells nothing, the second checks the token itself."""


class SecurityHeaders:
    """Puts the same strict headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostCheck:
    """Refuses names that are not this machine's own.

    A web site whose name resolves to 127.0.0.1 (DNS rebinding) could otherwise read a dashboard
    that needs no token. Only for loopback: elsewhere the token protects.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and host_name(scope) not in self._hosts:
            detail = f"this dashboard answers to {', '.join(sorted(self._hosts))} only"
            answer = refusal(scope["path"], Headers(scope=scope), 421, detail)
            return await answer(scope, receive, send)
        return await self._app(scope, receive, send)


def host_name(scope: Scope) -> str:
    """The name in the Host header, without the port and without the brackets of IPv6."""
    host = Headers(scope=scope).get("host", "").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


class TokenCheck:
    """Demands the token: `Authorization: Bearer`, or the cookie that /login gives to a browser."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] != "http" or scope["path"] in OPEN_PATHS
        asked = Headers(scope=scope)
        if is_open or self._is_allowed(asked):
            return await self._app(scope, receive, send)
        answer = refusal(
            scope["path"],
            asked,
            401,
            "a token is needed: open /login?token=... once in a browser, or send "
            "Authorization: Bearer",
            headers={"WWW-Authenticate": "Bearer"},
        )
        return await answer(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return is_same(bearer.strip(), self._token)
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        return cookie is not None and is_same(cookie.value, cookie_value(self._token))


def is_same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def cookie_value(token: str) -> str:
    """What the browser keeps: proves the token without being it."""
    return hmac.new(token.encode(), b"gmemscope cookie", hashlib.sha256).hexdigest()


router = APIRouter()


@router.get("/login", include_in_schema=False)
def login(settings: SettingsOf, token: str) -> Response:
    """Exchange the token for a cookie that this browser sends from now on."""
    if settings.token is None or not is_same(token, settings.token.get_secret_value()):
        raise HTTPException(401, "this is not the token that the dashboard was started with")
    answer = RedirectResponse("/", status_code=303)
    answer.set_cookie(
        COOKIE,
        cookie_value(settings.token.get_secret_value()),
        max_age=30 * 24 * 3600,
        httponly=True,
        samesite="lax",
    )
    return answer
