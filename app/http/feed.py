"""One watcher of the database per process, however many browsers listen."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from app.queries.live import LiveStorm, LiveStorms
from app.store.catalogue import Watermark
from app.store.errors import StoreError

POLL_S = 0.1
HEARTBEAT_S = 15.0
LOOK_S = 1.0
"""Storms are looked for so often, whether anybody listens or not."""


@dataclass(frozen=True, slots=True)
class StormNews:
    """That a storm began, goes on or has ended; or is none by what came since, or was deleted."""

    storm: LiveStorm
    is_gone: bool = False


News = Watermark | StormNews | None
"""None: still here, nothing happened."""


class ChangeFeed:
    """Looks at the database while somebody listens, and wakes all listeners when it changed."""

    def __init__(
        self,
        read_watermarks: Callable[[], list[Watermark]],
        read_storms: Callable[[], list[LiveStorm]] = list,
    ) -> None:
        self._read_watermarks = read_watermarks
        self._read_storms = read_storms
        self._watermarks: list[Watermark] = []
        self._storms: list[LiveStorm] | None = None  # nobody looked yet
        self._changed = asyncio.Event()
        self._listeners = 0
        self._watcher: asyncio.Task[None] | None = None
        self._is_closed = False

    def close(self) -> None:
        """End all listeners: the server goes away."""
        self._is_closed = True
        self._changed.set()

    async def listen(self) -> AsyncGenerator[News, None]:
        """Yield how far each VM reaches and the storms that go on, then each change of these.

        Of a recording that was deleted, each VM's last is yielded once more: who asks again learns
        that it is gone.
        """
        sent: dict[tuple[int, int | None], Watermark] = {}
        storms = _SentStorms()
        with self._watching():
            while not self._is_closed:
                changed = self._changed  # taken before looking, so that no change slips between
                for watermark in self._watermarks:
                    which = (watermark.recording_id, watermark.vm_id)
                    if sent.get(which) != watermark:
                        sent[which] = watermark
                        yield watermark
                for watermark in _of_deleted(sent, self._watermarks):
                    yield watermark
                for news in storms.news(self._storms):
                    yield news
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield None

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """The first listener starts the watcher, the last one to leave stops it."""
        self._listeners += 1
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._listeners -= 1
            if self._listeners == 0:
                self._watcher.cancel()
                self._watcher = None

    async def _watch(self) -> None:
        while True:
            # A database that is locked or gone for a moment is asked again; what was sent stays.
            with suppress(StoreError):
                watermarks = await run_in_threadpool(self._read_watermarks)
                storms = list(self._read_storms())
                if watermarks != self._watermarks or storms != self._storms:
                    self._watermarks, self._storms = watermarks, storms
                    changed, self._changed = self._changed, asyncio.Event()
                    changed.set()
            await asyncio.sleep(POLL_S)


class _SentStorms:
    """What one listener knows of storms."""

    def __init__(self) -> None:
        self._sent: dict[tuple[int, str], LiveStorm] | None = None

    def news(self, storms: list[LiveStorm] | None) -> list[StormNews]:
        """What is other than before; at first, those that go on."""
        if storms is None:
            return []
        before, now = self._sent, {(storm.vm_id, storm.id): storm for storm in storms}
        self._sent = now
        if before is None:
            return [StormNews(storm) for storm in storms if not storm.is_over]
        changed = [StormNews(one) for which, one in now.items() if before.get(which) != one]
        gone = [StormNews(one, True) for which, one in before.items() if which not in now]
        return changed + gone


def _of_deleted(
    sent: dict[tuple[int, int | None], Watermark], now: list[Watermark]
) -> list[Watermark]:
    """What was sent of recordings that are there no more, and is forgotten herewith."""
    recordings = {watermark.recording_id for watermark in now}
    return [sent.pop(which) for which in list(sent) if which[0] not in recordings]


async def watch_storms(live: LiveStorms) -> None:
    """Look for storms for as long as the dashboard lives."""
    while True:
        with suppress(StoreError):
            await run_in_threadpool(live.look)
        await asyncio.sleep(LOOK_S)
