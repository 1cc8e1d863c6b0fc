"""Who may ask, and what a browser may do with the answer."""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import Access
from app.http.answers import API_PREFIX, SECURITY_HEADERS
from app.pages import LOGIN_PATH, login_page, prefers_html, refusal
from app.templating import signed_in

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = {"WWW-Authenticate": "Bearer"}
OPEN_PATHS = frozenset(
    {
        "/healthz",
        LOGIN_PATH,
        "/static/css/base.css",
        "/static/css/login.css",
        "/static/img/icon.svg",
        "/static/js/shared/theme.js",
    }
)
"""Reachable without a token: the first shows nothing, the second checks the token itself, the rest
is what it looks like."""


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


class CrossSiteCheck:
    """Refuses what another web site lets a browser change here, with a session or without any.

    Browsers that are asked over TLS or on this machine name in Sec-Fetch-Site who asks, all of them
    in Origin (RFC 9110 names the methods that change nothing). What is no browser sends
    neither, and may.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            asked = Headers(scope=scope)
            if is_cross_site(asked):
                detail = (
                    "another web site asked for this change: only the dashboard's own pages may"
                )
                answer = refusal(scope["path"], asked, 403, detail)
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)


def is_cross_site(headers: Headers) -> bool:
    """Whether a page of another origin made a browser send this."""
    site = headers.get("sec-fetch-site")
    if site is not None:  # behind a proxy that changes Host, this alone can be relied on
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return (
        origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    )


class TokenCheck:
    """Demands the token: `Authorization: Bearer`, or the session that /login gives to a browser."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await self._app(scope, receive, send)
        asked = Headers(scope=scope)
        scheme, _, bearer = asked.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if self._access.is_token(bearer.strip()):
                return await self._app(scope, receive, send)
            status, detail = await self._access.refuse(scope)
            answer = refusal(scope["path"], asked, status, detail, headers=CHALLENGE)
            return await answer(scope, receive, send)
        if self._access.session_of(asked) is not None:
            return await self._pass_signed_in(scope, receive, send)
        return await self._ask(scope, asked)(scope, receive, send)

    async def _pass_signed_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = signed_in.set(True)
        try:
            await self._app(scope, receive, send)
        finally:
            signed_in.reset(before)

    def _ask(self, scope: Scope, asked: Headers) -> Response:
        """For the token: a person by a form that leads on to what they came for."""
        detail = "a token is needed: send Authorization: Bearer, or log in at /login in a browser"
        if "hx-request" in asked:  # a part of a page whose session ended: htmx loads it anew
            return refusal(scope["path"], asked, 401, detail, CHALLENGE | {"HX-Refresh": "true"})
        is_page = prefers_html(asked.get("accept", "")) and not scope["path"].startswith(API_PREFIX)
        if not is_page:
            return refusal(scope["path"], asked, 401, detail, headers=CHALLENGE)
        answer = login_page(destination(scope))
        answer.headers.update(CHALLENGE)
        return answer


def destination(scope: Scope) -> str:
    """The address that was asked for, if asking for it again is harmless."""
    if scope["method"] not in SAFE_METHODS:
        return "/"
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
