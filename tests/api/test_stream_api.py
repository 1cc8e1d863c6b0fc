"""Server-sent events: that something changed, and up to when."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from app.api.monitoring._stream import storm_changed
from app.http import feed
from app.http.feed import ChangeFeed, News, StormNews
from app.model.guest import Certainty, PageState, VmIdentity
from app.queries.choices import StormKind
from app.queries.live import LiveStorm
from app.settings import Settings
from app.store.catalogue import Watermark
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from tests.bursting import burst
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

    async def listen() -> list[News]:
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

    async def listen() -> list[News]:
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

    async def listen() -> News:
        return await anext(ChangeFeed(read).listen())

    assert outcome(listen()) == Watermark(1, 1, 1, 100, True)


def storm(calls: int, *, is_over: bool = False, storm_id: str = "c7") -> LiveStorm:
    return LiveStorm(
        vm_id=1,
        recording_id=1,
        id=storm_id,
        kind=StormKind.CONVERSIONS,
        from_t=100,
        to_t=100 + calls,
        calls=calls,
        in_boot=False,
        is_over=is_over,
    )


@pytest.mark.usefixtures("quick")
def test_a_storm_is_news_when_it_begins_goes_on_and_ends() -> None:
    """But to who listens later, one that is over is none."""
    over, states = storm(50, is_over=True, storm_id="c1"), [storm(2_000), storm(3_000)]
    steps = [[over, states[0]], [over, states[1]], [over, storm(3_000, is_over=True)], [over]]
    now: list[LiveStorm] = steps.pop(0)

    async def listen() -> list[News]:
        news: list[News] = []
        async for one in ChangeFeed(list, lambda: now).listen():
            news.append(one)
            if not steps:
                break
            now[:] = steps.pop(0)
        return news

    assert outcome(listen()) == [
        StormNews(states[0]),
        StormNews(states[1]),
        StormNews(storm(3_000, is_over=True)),
        StormNews(storm(3_000, is_over=True), is_gone=True),
    ]


def test_what_the_stream_holds_of_a_storm() -> None:
    read = [
        storm_changed(StormNews(one)).model_dump_json()
        for one in (storm(5), storm(6, is_over=True))
    ]
    assert read[0] == (
        '{"vm":1,"recording":1,"storm":"c7","kind":"conversions","from":100,"to":105,'
        '"state":"running"}'
    )
    assert json.loads(read[1])["state"] == "over"
    assert storm_changed(StormNews(storm(5), is_gone=True)).state == "gone"


def test_the_stream_has_a_storm_of_another_writer(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.1)  # each line lets the writer go on
    path = tmp_path / "gmemscope.db"
    engine = open_database(path)
    header = RecordingHeader("live", "simulator", "testhost", "mono", 0)
    states: list[str] = []
    with (
        serve(Settings(database_url=str(path))) as client,
        RecordingWriter(engine, header, is_live=True) as writer,
        client.stream("GET", "/api/v1/stream") as answer,
    ):
        identity = VmIdentity("guest", 7, 9, None, Certainty.UNKNOWN, PageState.SHARED)
        writer.append(writer.add_vm(identity), burst(5, 7))
        reached, lines = 7_000_000_000, answer.iter_lines()
        for line in lines:
            writer.advance(reached)  # commits at its own pace
            if line == "event: storm":
                states.append(json.loads(next(lines)[6:])["state"])
                reached = 12_000_000_000  # nothing more came
            if states[-1:] == ["over"]:
                break
            time.sleep(0.01)
    engine.dispose()
    assert states[0] == "running"


def test_silence_is_broken_by_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.01)

    async def listen() -> News:
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
