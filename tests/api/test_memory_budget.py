"""Whatever is asked, caches stay within one setting, and hold nothing that is out of date."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from app.model.events import effect_time
from app.settings import Settings
from app.store.database import open_database
from app.store.write import RecordingWriter, _writer as writer_module
from tests.scraping import samples_in
from tests.store.histories import HEADER, IDENTITY, memslot, random_events

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
EVENTS = 8_000
VIEWS = 16
LIMIT = 1 << 20
MEASURES = ("private", "conversions", "page_faults", "ping_pong", "mixed")


def sample(client: httpx.Client, name: str) -> int:
    return int(samples_in(client.get("/metrics").text)[name, frozenset()])


def ask(client: httpx.Client, path: str, **parameters: object) -> None:
    answer = client.get(path, params={name: str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text


def view(client: httpx.Client, choose: random.Random, end_t: int) -> None:
    """All that an explorer asks for of a random stretch, and the pages beside it."""
    first, last = sorted(choose.sample(range(1, end_t), 2))
    window, vm = {"from": first, "to": last}, "/api/v1/vms/1"
    gpas = {"gpa_from": "0x0", "gpa_to": hex(choose.randrange(1, 4096) << 12)}
    size, measure = {"width": 100, "height": 64}, choose.choice(MEASURES)
    ask(client, f"{vm}/raster", **window, **gpas, **size, measure=measure)
    ask(client, f"{vm}/timeline", **window)
    ask(client, f"{vm}/state", at=last)
    ask(client, f"{vm}/events", **window, tid=choose.randrange(5))
    ask(client, f"{vm}/stretch", **window)
    ask(client, f"{vm}/storms")
    ask(client, f"{vm}/backing", **window)
    ask(client, f"{vm}/pages/{gpas['gpa_to']}/history")
    ask(client, "/")


def test_all_caches_together_stay_within_one_limit(serve: Serve, tmp_path: Path) -> None:
    database, events = tmp_path / "budget.db", random_events(EVENTS)
    with RecordingWriter(open_database(database), HEADER, segment_events=1024) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        writer.append(vm_id, events)
    end_t = int(effect_time(events)[-1])
    choose, held = random.Random(10), []
    with serve(Settings(database_url=str(database), cache_bytes=LIMIT)) as client:
        assert sample(client, "gmemscope_cache_limit_bytes") == LIMIT
        for _ in range(VIEWS):
            view(client, choose, end_t)
            held.append(sample(client, "gmemscope_cache_bytes"))
        assert sample(client, "process_resident_memory_bytes") > LIMIT
    assert max(held) <= LIMIT
    assert max(held) > LIMIT // 2  # more was asked for than there is room for
    assert min(held[VIEWS // 2 :]) > 0


def test_what_is_kept_of_a_live_vm_does_not_grow_with_its_news(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_S", 0.0)
    monkeypatch.setattr(writer_module, "LIVE_COMMIT_REST", 0)
    database, events, held = tmp_path / "live.db", random_events(800), []
    with (
        RecordingWriter(open_database(database), HEADER, is_live=True) as writer,
        serve(Settings(database_url=str(database))) as client,
    ):
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        for last in range(40, len(events) + 1, 40):
            writer.append(vm_id, events[last - 40 : last])
            writer.advance(int(effect_time(events)[last - 1]))
            ask(client, "/api/v1/vms/1/state", at=1 << 40)
            ask(client, "/api/v1/vms/1/raster", width=100, height=64)
            ask(client, "/api/v1/vms/1/storms")
            ask(client, "/")
            held.append(sample(client, "gmemscope_cache_bytes"))
    # Of 20 states of the VM one is kept: a map and a raster, each as large as after the first.
    assert held[-1] < 2 * held[0]
