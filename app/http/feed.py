"""One watcher of the database per process, however many browsers listen."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress

from starlette.concurrency import run_in_threadpool

from app.store.catalogue import Watermark
from app.store.errors import StoreError

POLL_S = 0.1
HEARTBEAT_S = 15.0


class ChangeFeed:
    """Looks at the database while somebody listens, and wakes all listeners when it changed."""

    def __init__(self, read_watermarks: Callable[[], list[Watermark]]) -> None:
        self._read_watermarks = read_watermarks
        self._watermarks: list[Watermark] = []
        self._changed = asyncio.Event()
        self._listeners = 0
        self._watcher: asyncio.Task[None] | None = None
        self._is_closed = False

    def close(self) -> None:
        """End all listeners: the server goes away."""
        self._is_closed = True
        self._changed.set()

    async def listen(self) -> AsyncGenerator[Watermark | None, None]:
        """Yield how far each VM reaches, then each change; None: still here, nothing happened.

        Of a recording that was deleted, each VM's last is yielded once more: who asks again learns
        that it is gone.
        """
        sent: dict[tuple[int, int | None], Watermark] = {}
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
                if watermarks != self._watermarks:
                    self._watermarks = watermarks
                    changed, self._changed = self._changed, asyncio.Event()
                    changed.set()
            await asyncio.sleep(POLL_S)


def _of_deleted(
    sent: dict[tuple[int, int | None], Watermark], now: list[Watermark]
) -> list[Watermark]:
    """What was sent of recordings that are there no more, and is forgotten herewith."""
    recordings = {watermark.recording_id for watermark in now}
    return [sent.pop(which) for which in list(sent) if which[0] not in recordings]
