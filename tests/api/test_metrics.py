"""What Prometheus is given: of what is stored, and of what is recorded now."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, strategies as st

from app.api.monitoring._families import FAMILIES
from app.model.events import EventArray
from app.model.guest import (
    Backing,
    Cause,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
    VmIdentity,
)
from app.queries.counters import NativeBuckets
from app.settings import Settings
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter, _writer as writing
from tests.bursting import SECOND, burst
from tests.scraping import Samples, of, samples_in

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
NATIVE = "application/openmetrics-text;version=2.0.0"
HEADER = RecordingHeader("live", "tracefs", "kvm7", "mono", 0)
UUID = "5f3c2a1e-0000-4000-8000-000000000001"
GUEST = VmIdentity("web-1", 70, 9, 0, Certainty.SEEN, PageState.SHARED, uuid=UUID)
WEB_1 = {"uuid": UUID, "name": "web-1"}


def samples(client: httpx.Client) -> Samples:
    return samples_in(client.get("/metrics").text)


def test_metrics_count_what_is_stored(client: httpx.Client) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    vm = client.get("/api/v1/vms/1").json()
    guest = {"uuid": vm["guest_uuid"] or vm["uuid"], "name": vm["name"]}
    recording = client.get("/api/v1/recordings/1").json()
    lost = {"recording": recording["uuid"], "host": recording["host"]}
    found = samples(client)
    assert of(found, "gmemscope_recordings", state="complete") == 1
    assert of(found, "gmemscope_conversions_total", **guest, outcome="applied") == 4
    assert of(found, "gmemscope_conversions_total", **guest, outcome="failed") == 1
    assert of(found, "gmemscope_lost_events_total", **lost) == 3
    assert of(found, "gmemscope_losses_total", **lost) == 1
    assert answer.text.count("# TYPE ") == answer.text.count("# HELP ") == len(FAMILIES)


def test_of_what_nobody_watched_nothing_live_is_known(client: httpx.Client) -> None:
    names = {name for name, _ in samples(client)}
    assert "gmemscope_pages" in names
    assert not any("storms" in name or "latency" in name or "live" in name for name in names)
    assert "gmemscope_double_allocated_bytes" not in names


@pytest.fixture
def live(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    monkeypatch.setattr(writing, "LIVE_COMMIT_S", 0)
    monkeypatch.setattr(writing, "LIVE_COMMIT_REST", 0)
    with serve(Settings(database_url=str(tmp_path / "live.db"))) as client:
        yield client


@pytest.fixture
def writer(live: httpx.Client, tmp_path: Path) -> Iterator[RecordingWriter]:
    engine = open_database(tmp_path / "live.db")
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        samples(live)  # so that the recording is watched from its beginning
        yield writer
    engine.dispose()


def memslot() -> Memslot:
    return Memslot(0, 0, 512, 4, Backing.MIXED, Certainty.SEEN, 0, guest_memfd=5)


def conversion(t: int, **fields: int) -> EventArray:
    event = burst(1, 1.0004)[:1]
    event["t"] = t
    for name, value in fields.items():
        event[name] = value
    return event


def test_conversions_by_what_they_were(live: httpx.Client, writer: RecordingWriter) -> None:
    vm_id = writer.add_vm(GUEST)
    writer.append(vm_id, conversion(5, to=To.PRIVATE, cause=Cause.IMPLICIT))
    writer.append(vm_id, conversion(1_006, to=To.PRIVATE, cause=Cause.IMPLICIT))
    failed = {"outcome": Outcome.FAILED, "errno": 11, "cause": Cause.NONE, "to": To.UNKNOWN}
    writer.append(vm_id, conversion(5_000, **failed))
    writer.advance(10_000)
    found = samples(live)
    name = "gmemscope_live_conversions_total"
    implicit = {"direction": "private", "outcome": "applied", "cause": "implicit"}
    assert of(found, name, **WEB_1, **implicit) == 2
    unknown = {"direction": "unknown", "outcome": "failed", "cause": "none"}
    assert of(found, name, **WEB_1, **unknown) == 1
    assert sum(value for (one, _), value in found.items() if one == name) == 3


def test_storms_that_go_on_and_all(live: httpx.Client, writer: RecordingWriter) -> None:
    vm_id = writer.add_vm(GUEST)
    writer.advance(SECOND)
    kinds = WEB_1 | {"kind": "conversions"}
    assert of(samples(live), "gmemscope_storms_running", **kinds) == 0
    writer.append(vm_id, burst(5, 7))
    writer.advance(7 * SECOND)
    found = samples(live)
    assert of(found, "gmemscope_storms_running", **kinds) == 1
    assert of(found, "gmemscope_storms_total", **kinds) == 1
    assert of(found, "gmemscope_storms_running", **WEB_1, kind="page faults") == 0
    writer.advance(15 * SECOND)
    found = samples(live)
    assert of(found, "gmemscope_storms_running", **kinds) == 0
    assert of(found, "gmemscope_storms_total", **kinds) == 1


def test_memory_that_lies_twice_has_bounds(live: httpx.Client, writer: RecordingWriter) -> None:
    """Eight private pages go back to shared: their private halves may still exist, nobody saw that
    they did."""
    vm_id = writer.add_vm(GUEST)
    writer.set_memslot(vm_id, memslot())
    placed = {"gfn": 8, "npages": 8, "range_certainty": Certainty.SEEN}
    writer.append(vm_id, conversion(5_000, to=To.PRIVATE, **placed))
    writer.append(vm_id, conversion(9_000, to=To.SHARED, **placed))
    writer.advance(20_000)
    found, name = samples(live), "gmemscope_double_allocated_bytes"
    assert of(found, name, **WEB_1, bound="lower") == 0
    assert of(found, name, **WEB_1, bound="upper") == 8 * 4096
    punched = conversion(15_000, kind=EventKind.PUNCH_HOLE, **placed)
    writer.append(vm_id, punched)
    writer.advance(30_000)
    assert of(samples(live), name, **WEB_1, bound="upper") == 0


def test_latencies_are_a_native_histogram_for_who_asks(
    live: httpx.Client, writer: RecordingWriter
) -> None:
    vm_id = writer.add_vm(GUEST)
    for t, latency in ((5_000, 1_000), (10_000, 1_000), (50_000, 4_000_000)):
        writer.append(vm_id, conversion(t, latency_ns=latency))
    unconfirmed = {"outcome": Outcome.UNCONFIRMED, "latency_ns": -1}
    writer.append(vm_id, conversion(9_000_000, **unconfirmed))
    writer.advance(10_000_000)
    name = "gmemscope_conversion_latency_seconds"
    found = samples(live)
    assert of(found, f"{name}_count", **WEB_1) == 3
    assert of(found, f"{name}_sum", **WEB_1) == pytest.approx(4.002e-3)
    assert of(found, f"{name}_bucket", **WEB_1, le=repr(2.0**-20)) == 0
    assert of(found, f"{name}_bucket", **WEB_1, le=repr(2.0**-19)) == 2
    assert of(found, f"{name}_bucket", **WEB_1, le=repr(2.0**-7)) == 3
    answer = live.get("/metrics", headers={"Accept": NATIVE})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=2.0.0")
    lines = [line for line in answer.text.splitlines() if line.startswith(name)]
    # The library's own parser reads no span that begins below bucket 0, below one second.
    labels = f'{{name="web-1",uuid="{UUID}"}}'
    assert lines == [
        f"{name}{labels} {{count:3,sum:0.004002,schema:3,zero_threshold:0,zero_count:0,"
        "positive_spans:[-159:1,95:1],positive_deltas:[2,-1]}"
    ]
    upper = [2.0 ** (index / 8) for index in (-159, -159 + 1 + 95)]
    assert 1e-6 <= upper[0] < 1e-6 * 2**0.125
    assert 4e-3 <= upper[1] < 4e-3 * 2**0.125


@given(st.lists(st.integers(0, 20 * SECOND), max_size=40), st.integers(0, 40))
def test_buckets_hold_every_latency_once(latencies: list[int], cut: int) -> None:
    parts = [NativeBuckets(), NativeBuckets()]
    for part, some in zip(parts, (latencies[:cut], latencies[cut:]), strict=True):
        part.add(np.array(some, np.int64))
    both = parts[0].merged(parts[1])
    assert both.count == len(latencies) == both.zero_count + sum(both.by_index.values())
    assert both.total_ns == sum(latencies)
    for index, calls in both.by_index.items():
        low, high = (2.0 ** (at / 8) for at in (index - 1, index))
        assert calls == sum(low < one / 1e9 <= high for one in latencies)
    for end_s, within in both.classic():
        assert within == sum(one / 1e9 <= end_s for one in latencies)
    spans, deltas = both.spans()
    at, counts, total = 0, {}, 0
    walk = iter(deltas)
    for offset, length in spans:
        at += offset
        for _ in range(length):
            total += next(walk)
            counts[at] = total
            at += 1
    assert counts == both.by_index


def test_recordings_of_one_guest_are_one(live: httpx.Client, tmp_path: Path) -> None:
    """A collector that was started again writes another recording: its counters go on."""
    engine = open_database(tmp_path / "live.db")
    for pages in (8, 16):
        with RecordingWriter(engine, HEADER, is_live=True) as writer:
            samples(live)
            vm_id = writer.add_vm(GUEST)
            writer.set_memslot(vm_id, memslot())
            placed = {"gfn": 0, "npages": pages, "range_certainty": Certainty.SEEN}
            writer.append(vm_id, conversion(5_000, to=To.PRIVATE, **placed))
            writer.advance(10_000)
    engine.dispose()
    found = samples(live)
    assert of(found, "gmemscope_conversions_total", **WEB_1, outcome="applied") == 2
    assert of(found, "gmemscope_conversion_latency_seconds_count", **WEB_1) == 2
    assert of(found, "gmemscope_pages", **WEB_1, state="private") == 16
    hosts = [labels for name, labels in found if name == "gmemscope_lost_events_total"]
    assert len(hosts) == 2
    assert all(dict(labels)["host"] == "kvm7" for labels in hosts)


def test_a_scrape_while_a_storm_is_written_has_each_event_once(
    live: httpx.Client, writer: RecordingWriter
) -> None:
    vm_id, events = writer.add_vm(GUEST), burst(5, 9)
    for batch in np.array_split(events, 10):
        writer.append(vm_id, batch)
        writer.advance(int(batch["t"][-1]))
        samples(live)
        time.sleep(0.01)  # the dashboard's own look may come between
    found = samples(live)
    name = "gmemscope_live_conversions_total"
    assert sum(value for (one, _), value in found.items() if one == name) == len(events)
