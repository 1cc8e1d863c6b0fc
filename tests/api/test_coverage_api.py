"""Coverage as a resource: what is recorded, what is unknown, losses by source and CPU."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter
from collector.capture.agent._counters import Counters
from collector.coverage import COST_OF_MISSING, Capability, describe_coverage
from tests.scraping import of, samples_in

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
LOSSES = (
    Loss(100, 200, 5, 1, "tracefs"),
    Loss(500, 600, None, 1, "tracefs"),
    Loss(300, 400, 7, 0, "tracefs"),
    Loss(50, 60, None, None, "bpftrace"),
)


@pytest.fixture
def coverage(tmp_path: Path, serve: Serve) -> dict[str, Any]:
    """What REST answers of a live recording with counters, host facts and losses."""
    path = tmp_path / "live.db"
    engine = open_database(path)
    described = describe_coverage({Capability.CONVERSIONS: True}, events={"kvm:x": 3})
    described |= {"host": {"kernel": {"release": "6.0"}}, "collector": {"events": 4}}
    header = RecordingHeader("live", "tracefs", "h", "mono", 0, coverage=described)
    with RecordingWriter(engine, header, is_live=True) as writer:
        for loss in LOSSES:
            writer.add_loss(loss)
        writer.advance(1000)
    engine.dispose()
    with serve(Settings(database_url=str(path))) as client:
        answer = client.get("/api/v1/recordings/1/coverage")
        assert answer.status_code == 200
        return dict(answer.json())


def test_what_was_recorded_is_known(coverage: dict[str, Any]) -> None:
    assert (coverage["recording"], coverage["source"], coverage["is_live"]) == (1, "tracefs", False)
    assert coverage["sees"]["conversions"] is True
    costs = {spot["capability"]: spot["costs"] for spot in coverage["missing"]}
    assert costs["memslots"] == COST_OF_MISSING[Capability.MEMSLOTS]
    assert coverage["events"] == {"kvm:x": 3}
    assert coverage["host"]["kernel"]["release"] == "6.0"
    assert coverage["collector"] == {"events": 4}


def test_losses_are_summed_by_source_and_cpu(coverage: dict[str, Any]) -> None:
    assert coverage["lost_events"] == 12
    keys = ("source", "cpu", "stretches", "events", "uncounted", "from", "to")
    assert [tuple(loss[key] for key in keys) for loss in coverage["losses"]] == [
        ("bpftrace", None, 1, 0, 1, 50, 60),
        ("tracefs", 0, 1, 7, 0, 300, 400),
        ("tracefs", 1, 2, 5, 1, 100, 600),
    ]


def test_what_a_recording_does_not_state_is_null(client: httpx.Client) -> None:
    coverage = client.get("/api/v1/recordings/1/coverage").json()
    assert coverage["missing"] == [{"capability": "page-faults", "costs": "no faults"}]
    not_described = ("sees", "conversion_ranges", "events", "unused_events", "host", "collector")
    assert {key: coverage[key] for key in not_described} == dict.fromkeys(not_described)
    assert coverage["losses"] == [
        {
            "source": "ring buffer",
            "cpu": 1,
            "stretches": 1,
            "events": 3,
            "uncounted": 0,
            "from": 850,
            "to": 860,
        }
    ]


def test_counters_of_who_records_now_are_metrics(tmp_path: Path, serve: Serve) -> None:
    path = tmp_path / "now.db"
    engine = open_database(path)
    counted = {"events": 7, "bytes": 4096, "waited_s": 0.5, "cpu_s": 1.5}
    counted |= {"max_lag_ns": 2_500_000}
    header = RecordingHeader("l", "tracefs", "h", "mono", 0, coverage={"collector": counted})
    with serve(Settings(database_url=str(path))) as client:
        with RecordingWriter(engine, header, is_live=True):
            uuid = client.get("/api/v1/recordings/1").json()["uuid"]
            found = samples_in(client.get("/metrics").text)
            labels = {"recording": uuid, "host": "h"}
            assert of(found, "gmemscope_collector_calls_total", **labels) == 7
            assert of(found, "gmemscope_collector_max_lag_seconds", **labels) == 0.0025
        assert "collector_calls_total{" not in client.get("/metrics").text
    engine.dispose()


def test_a_collector_that_works_on_is_behind_by_as_long_as_it_tells_nothing(
    tmp_path: Path, serve: Serve
) -> None:
    """It reported a minute ago, at 5 s of the recording; the first 2 s had been stored by then."""
    path = tmp_path / "late.db"
    engine = open_database(path)
    minute_ago_ms = time.time_ns() // 10**6 - 60_000
    counted = asdict(Counters(at_t=5 * 10**9, at_unix_ms=minute_ago_ms, lag_ns=3 * 10**9))
    header = RecordingHeader("l", "tracefs", "h", "mono", 0, coverage={"collector": counted})
    with serve(Settings(database_url=str(path))) as client:
        with RecordingWriter(engine, header, is_live=True) as writer:
            writer.advance(2 * 10**9)
            writer._commit()
            coverage = client.get("/api/v1/recordings/1/coverage").json()
            assert coverage["behind_ms"] >= 63_000
            assert client.get("/api/v1/recordings/1").json()["behind_ms"] >= 63_000
            lines = client.get("/metrics").text.splitlines()
            lags = [line for line in lines if line.startswith("gmemscope_collector_lag_seconds{")]
            assert float(lags[0].rpartition(" ")[2]) >= 63
            page = client.get("/recordings/1/coverage/now").text
            assert "behind what happens" in page
            assert 'class="bad"' in page
        assert client.get("/api/v1/recordings/1").json()["behind_ms"] is None
    engine.dispose()


def test_recording_that_is_not_there_is_a_problem(client: httpx.Client) -> None:
    answer = client.get("/api/v1/recordings/99/coverage")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "there is no recording 99"


def test_is_described(client: httpx.Client) -> None:
    described = client.get("/api/v1/openapi.json").json()
    answer = described["paths"]["/api/v1/recordings/{recording_id}/coverage"]["get"]["responses"]
    name = answer["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    properties = described["components"]["schemas"][name]["properties"]
    assert {"sees", "missing", "host", "collector", "losses", "silent_ms"} <= set(properties)
