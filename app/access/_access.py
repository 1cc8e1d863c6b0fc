"""The token, what a browser gets in its place, and what wrong ones cost."""

import asyncio
import hashlib
import hmac
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from app.access._guesses import Guesses
from app.access._sessions import Sessions

COOKIE = "gmemscope_session"
PAYING = "pays for a wrong token"
"""In a request's state while its answer waits: its connection is the first to make room."""
WRONG = "this is not the token that the dashboard was started with"
TOO_MANY = f"{WRONG}; so many wrong ones came from this address that each answer waits"


class Access:
    """Knows the token by its hash only."""

    def __init__(self, token: str, wrong_token_delay_s: float) -> None:
        self._digest = _digest(token)
        self._guesses = Guesses(wrong_token_delay_s)
        self.sessions = Sessions()

    def is_token(self, given: str) -> bool:
        """Compares in a time that does not depend on where they differ."""
        return hmac.compare_digest(_digest(given), self._digest)

    async def refuse(self, scope: Scope) -> tuple[int, str]:
        """Wait as long as one more wrong token costs; returns the status and the message."""
        wait_s = self._guesses.wait_s((scope.get("client") or ("",))[0])
        if wait_s == 0:
            return 401, WRONG
        scope.setdefault("state", {})[PAYING] = True
        with suppress(asyncio.CancelledError):  # the server ends: then now
            await asyncio.sleep(wait_s)
        return 429, TOO_MANY

    def session_of(self, headers: Headers) -> str | None:
        """The name of the living session that a request belongs to."""
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(cookie_name(headers))
        except CookieError:
            return None
        return cookie.value if cookie is not None and self.sessions.holds(cookie.value) else None

    def enter(self, headers: Headers, answer: Response, *, is_secure: bool) -> None:
        """Begin a session, and let the answer give it to the browser, which forgets it at its end.

        Lax: a link from elsewhere into the dashboard works. What changes something is refused from
        elsewhere by app.serving.CrossSiteCheck.
        """
        name, session = cookie_name(headers), self.sessions.begin()
        answer.set_cookie(name, session, secure=is_secure, httponly=True, samesite="lax")


def cookie_name(headers: Headers) -> str:
    """Cookies are of a host, whatever the port: two dashboards on it must not take each other's."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}_{port}" if port.isascii() and port.isdigit() else COOKIE


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
