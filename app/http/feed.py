"""One watcher of the database per process, however many browsers listen."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress

from starlette.concurrency import run_in_threadpool

from app.store.catalogue import Head
from app.store.errors import StoreError

POLL_S = 0.1
HEARTBEAT_S = 15.0


class ChangeFeed:
    """Looks at the database while somebody listens, and wakes all listeners when it changed."""

    def __init__(self, read_heads: Callable[[], list[Head]]) -> None:
        self._read_heads = read_heads
        self._heads: list[Head] = []
        self._changed = asyncio.Event()
        self._listeners = 0
        self._watcher: asyncio.Task[None] | None = None
        self._is_closed = False

    def close(self) -> None:
        """End all listeners: the server goes away."""
        self._is_closed = True
        self._changed.set()

    async def listen(self) -> AsyncGenerator[Head | None, None]:
        """Yield how far each VM reaches, then each change; None: still here, nothing happened."""
        sent: dict[tuple[int, int | None], Head] = {}
        with self._watching():
            while not self._is_closed:
                changed = self._changed  # taken before looking, so that no change slips between
                for head in self._heads:
                    which = (head.recording_id, head.vm_id)
                    if sent.get(which) != head:
                        sent[which] = head
                        yield head
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
                heads = await run_in_threadpool(self._read_heads)
                if heads != self._heads:
                    self._heads = heads
                    changed, self._changed = self._changed, asyncio.Event()
                    changed.set()
            await asyncio.sleep(POLL_S)
