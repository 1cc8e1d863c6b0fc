"""Taking connections in: up to a limit, and without haste where the system has none to give."""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from app.access import origin_of
from app.serving._connections import Connection

PAUSE_S = 0.2
"""Between two tries where a connection cannot be taken: no descriptors, no memory."""
ROOM_S, LOOK_S = 2.0, 0.05
"""How long a new connection waits for the end of another one where all places are taken."""
SWEEP_S = 0.5
REPORTED_AGAIN_S = 60
MOST_WAITING = 64
"""So many wait for it at the same time, or are answered that there is none."""
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

    That one, out of descriptors, tries as often as its backlog is long, reports it each time with a
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
        self._reported_at = -float(REPORTED_AGAIN_S)
        self._entering = 0
        self._waiting = asyncio.Semaphore(MOST_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._tasks |= {asyncio.create_task(work()) for work in (self.accept, self._sweep)}

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._make_room(self._connections()):
            pass  # whoever is quiet would be waited for

    async def accept(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._listener)
            except ConnectionError:
                continue  # it went before it was taken
            except OSError as error:
                self._say(error)
                self._make_room(self._connections())
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                await asyncio.sleep(0)  # what the last ones sent is heard before they are judged
                await self._take(accepted, origin_of(address[0]))
            except asyncio.CancelledError:
                accepted.close()
                raise

    async def _take(self, accepted: socket.socket, origin: str) -> None:
        if self._has_room(origin):
            await self._enter(accepted)
            return
        await self._waiting.acquire()  # the kernel keeps the others
        task = asyncio.create_task(self._wait(accepted, origin))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _enter(self, accepted: socket.socket) -> None:
        self._entering += 1
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make, accepted)
        except OSError:
            accepted.close()
        finally:
            self._entering -= 1

    async def _wait(self, accepted: socket.socket, origin: str) -> None:
        """For a moment: answers of the others are under way."""
        try:
            for _ in range(int(ROOM_S / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                if self._has_room(origin):
                    return await self._enter(accepted)
            await _refuse(accepted)
        except asyncio.CancelledError:
            accepted.close()
            raise
        finally:
            self._waiting.release()

    def _has_room(self, origin: str) -> bool:
        """Whether there is a place for one more of this origin, be it that another one's is freed.

        No origin has all places, so that nobody keeps everybody else out.
        """
        there = self._connections()
        own = [one for one in there if one.origin == origin]
        if len(own) >= max(1, self._most * 3 // 4):
            return self._make_room(own)
        return len(there) + self._entering < self._most or self._make_room(there)

    def _make_room(self, among: Iterable[Connection]) -> bool:
        """End the connection that has been quiet for longest, if there is one."""
        now = time.monotonic()
        quiet = [(since, one) for one in among if (since := one.quiet_since(now)) is not None]
        if not quiet:
            return False
        min(quiet, key=lambda pair: pair[0])[1].make_room()
        return True

    def _say(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._reported_at >= REPORTED_AGAIN_S:
            self._reported_at = now
            logger.warning("gmemscope: no connection can be taken for now: %s", error.strerror)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for connection in list(self._connections()):
                connection.end_if_overdue(now)


async def _refuse(accepted: socket.socket) -> None:
    """Answer that there is no room. What was asked is read first: unread, it would undo the
    answer."""
    loop = asyncio.get_running_loop()
    with accepted, suppress(OSError, TimeoutError):
        async with asyncio.timeout(REFUSAL_S):
            await loop.sock_recv(accepted, 1 << 16)
            await loop.sock_sendall(accepted, REFUSAL)
            accepted.shutdown(socket.SHUT_WR)
