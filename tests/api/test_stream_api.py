"""Server-sent events: that something changed, and up to when."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from app.http import feed
from app.http.feed import ChangeFeed
from app.settings import Settings
from app.store.catalogue import Watermark
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from tests.small_guest import write_guest_a

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
T = TypeVar("T")


def outcome(coroutine: Coroutine[None, None, T]) -> T:
    """Run on a thread of its own: a browser test before may have left its loop on this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


class Watermarks:
    """A database's watermarks, and how often they were read."""

    def __init__(self) -> None:
        self.now = [Watermark(1, 1, 1, 100, True)]
        self.reads = 0

    def read(self) -> list[Watermark]:
        self.reads += 1
        return self.now


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "POLL_S", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_listener_gets_where_things_stand_and_then_what_changed() -> None:
    watermarks = Watermarks()

    async def listen() -> list[Watermark | None]:
        news = []
        async for watermark in ChangeFeed(watermarks.read).listen():
            news.append(watermark)
            if len(news) == 1:
                watermarks.now = [Watermark(1, 1, 2, 200, True), Watermark(2, 1, 1, 200, True)]
            if len(news) == 3:
                break
        return news

    assert outcome(listen()) == [
        Watermark(1, 1, 1, 100, True),
        Watermark(1, 1, 2, 200, True),
        Watermark(2, 1, 1, 200, True),
    ]


@pytest.mark.usefixtures("quick")
def test_a_deleted_recording_is_news_once() -> None:
    """But not that a recording without any VM has one now."""
    watermarks = Watermarks()
    watermarks.now = first = [Watermark(1, 1, 3, 100, False), Watermark(None, 2, 0, 0, True)]
    then = Watermark(2, 2, 1, 50, True)

    async def listen() -> list[Watermark | None]:
        news = []
        async for watermark in ChangeFeed(watermarks.read).listen():
            news.append(watermark)
            if len(news) == 2:
                watermarks.now = [then]
            if len(news) == 4:
                watermarks.now = [Watermark(2, 2, 2, 60, True)]
            if len(news) == 5:
                break
        return news

    assert outcome(listen()) == [*first, then, first[0], Watermark(2, 2, 2, 60, True)]


@pytest.mark.usefixtures("quick")
def test_ten_listeners_read_the_database_no_more_often_than_one() -> None:
    """Each hears of ten changes, and every look at the database sees one."""
    watermarks = Watermarks()

    def read() -> list[Watermark]:
        watermarks.now = [Watermark(1, 1, watermarks.reads, 100, True)]
        return watermarks.read()

    async def hear_ten(changes: ChangeFeed) -> None:
        listening = changes.listen()
        for _ in range(10):
            await anext(listening)
        await listening.aclose()

    async def listen() -> None:
        changes = ChangeFeed(read)
        await asyncio.gather(*(hear_ten(changes) for _ in range(10)))
        read_so_far = watermarks.reads
        await asyncio.sleep(0.05)
        assert watermarks.reads == read_so_far  # nobody listens: nothing is read

    outcome(listen())
    assert 10 <= watermarks.reads < 50


@pytest.mark.usefixtures("quick")
def test_a_database_that_fails_for_a_moment_is_asked_again() -> None:
    watermarks = Watermarks()

    def read() -> list[Watermark]:
        if watermarks.read() and watermarks.reads == 1:
            raise StoreError("locked")
        return watermarks.now

    async def listen() -> Watermark | None:
        return await anext(ChangeFeed(read).listen())

    assert outcome(listen()) == Watermark(1, 1, 1, 100, True)


def test_silence_is_broken_by_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.01)

    async def listen() -> Watermark | None:
        return await anext(ChangeFeed(list).listen())

    assert outcome(listen()) is None


def test_the_stream_tells_of_a_commit_of_another_writer(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "gmemscope.db"
    engine = open_database(path)
    header = RecordingHeader("live", "simulator", "testhost", "mono", 0)
    with (
        serve(Settings(database_url=str(path))) as client,
        client.stream("GET", "/api/v1/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        with RecordingWriter(engine, header) as writer:
            write_guest_a(writer)
        lines = answer.iter_lines()
        news = [json.loads(next(line for line in lines if line.startswith("data: "))[6:])]
        while news[-1]["up_to"] < 1000:
            news.append(json.loads(next(line for line in lines if line.startswith("data: "))[6:]))
    engine.dispose()
    assert news[-1]["revision"] > 0
    assert news[-1] | {"revision": 1} == {
        "vm": 1,
        "recording": 1,
        "up_to": 1000,
        "revision": 1,
        "notes_revision": 0,
    }
