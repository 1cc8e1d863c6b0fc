"""Who has shown the token in a browser: what the cookie stands for."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

IDLE_S = 12 * 3600
"""A session ends when nothing was asked for so long."""
LONGEST_S = 7 * 24 * 3600
"""It ends at last, however busy: an open page asks for ever."""
MOST = 1000


@dataclass(slots=True)
class _Session:
    began: float
    used: float


class Sessions:
    """Random names of sessions, held as hashes and in memory only.

    A new start of the server ends them all; so does a change of the token, which needs one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()

    def begin(self) -> str:
        """The name of a new session; of too many, the one unused for longest ends."""
        name, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[_digest(name)] = _Session(now, now)
        if len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        return name

    def holds(self, name: str) -> bool:
        """Whether the session lives; it then lives on."""
        digest, now = _digest(name), self._clock()
        session = self._sessions.get(digest)
        if session is None:
            return False
        if now - session.used >= IDLE_S or now - session.began >= LONGEST_S:
            del self._sessions[digest]
            return False
        session.used = now
        self._sessions.move_to_end(digest)
        return True

    def end(self, name: str) -> None:
        self._sessions.pop(_digest(name), None)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
