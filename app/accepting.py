"""Taking connections in: up to a limit, and without haste where the system has none to give."""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from app.connections import Connection

PAUSE_S = 0.2
"""Between two tries where a connection cannot be taken: no descriptors, no memory."""
ROOM_S = 0.2
"""How long a new connection waits for the end of another one where all places are taken."""
SWEEP_S = 0.5
SAID_AGAIN_S = 60
MOST_REFUSALS = 32
"""So many are told that there is no room, at the same time; others are cut off."""
REFUSAL_S = 1
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-type: text/plain\r\n\r\nthe dashboard has as many connections as it may have\n"
)

logger = logging.getLogger(__name__)


def connections_allowed(wanted: int) -> int:
    """As many as are wanted, and half of the descriptors at most: the database needs others."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft // 2))


class Acceptor:
    """Accepts on one listener, in place of asyncio's server.

    That one, out of descriptors, tries as often as its backlog is long, says so each time with a
    traceback, and starts itself again as often a second later (Python 3.11,
    asyncio/selector_events.py, _accept_connection).
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], Connection],
        connections: Callable[[], Collection[Connection]],
        most: int,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._make = make
        self._connections = connections
        self._most = most
        self._said_at = -float(SAID_AGAIN_S)
        self._refusals: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work()) for work in (self.accept, self._sweep)]

    async def stop(self) -> None:
        tasks = [*self._tasks, *self._refusals]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def accept(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue  # it went before it was taken
            except OSError as error:
                self._say(error)
                self._make_room()
                await asyncio.sleep(PAUSE_S)
                continue
            if await self._room():
                try:
                    await loop.connect_accepted_socket(self._make, accepted)
                except OSError:
                    accepted.close()
            else:
                self._refuse(accepted)

    async def _room(self) -> bool:
        """Whether there is a place, be it after a moment: answers of the rest are under way."""
        await asyncio.sleep(0)  # what the last ones sent is heard before they are judged
        for _ in range(10):
            if self._has_room() or self._make_room():
                return True
            await asyncio.sleep(ROOM_S / 10)
        return False

    def _has_room(self) -> bool:
        return len(self._connections()) < self._most

    def _make_room(self) -> bool:
        """End the connection that has had nothing to say for longest, if there is one."""
        now = time.monotonic()
        waiting = [one for one in self._connections() if one.can_make_room(now)]
        if not waiting:
            return False
        min(waiting, key=lambda one: one.waits_since).make_room()
        return True

    def _say(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAID_AGAIN_S:
            self._said_at = now
            logger.warning("gmemscope: no connection can be taken for now: %s", error.strerror)

    def _refuse(self, accepted: socket.socket) -> None:
        if len(self._refusals) >= MOST_REFUSALS:
            accepted.close()
            return
        task = asyncio.create_task(_tell(accepted))
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for connection in list(self._connections()):
                connection.end_if_overdue(now)


async def _tell(accepted: socket.socket) -> None:
    """Say that there is no room. What was asked is read first: unread, it would undo the answer."""
    loop = asyncio.get_running_loop()
    with accepted, suppress(OSError, TimeoutError):
        async with asyncio.timeout(REFUSAL_S):
            await loop.sock_recv(accepted, 1 << 16)
            await loop.sock_sendall(accepted, REFUSAL)
            accepted.shutdown(socket.SHUT_WR)
