"""Coverage as a resource: what is recorded, what is unknown, losses by source and CPU."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.writer import RecordingWriter
from collector.coverage import COST_OF_MISSING, Capability, describe_coverage

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
LOSSES = (
    Loss(100, 200, 5, 1, "tracefs"),
    Loss(500, 600, None, 1, "tracefs"),
    Loss(300, 400, 7, 0, "tracefs"),
    Loss(50, 60, None, None, "bpftrace"),
)


@pytest.fixture
def told(tmp_path: Path, serve: Serve) -> dict[str, Any]:
    """What is told of a live recording with counters, host facts and losses."""
    path = tmp_path / "live.db"
    engine = open_database(path)
    coverage = describe_coverage({Capability.CONVERSIONS: True}, events={"kvm:x": 3})
    coverage |= {"host": {"kernel": {"release": "6.0"}}, "collector": {"events": 4}}
    header = RecordingHeader("live", "tracefs", "h", "mono", 0, coverage=coverage)
    with RecordingWriter(engine, header, is_live=True) as writer:
        for loss in LOSSES:
            writer.add_loss(loss)
        writer.advance(1000)
    engine.dispose()
    with serve(Settings(database_url=str(path))) as client:
        answer = client.get("/api/v1/recordings/1/coverage")
        assert answer.status_code == 200
        return dict(answer.json())


def test_what_was_recorded_is_told(told: dict[str, Any]) -> None:
    assert (told["recording"], told["source"], told["is_live"]) == (1, "tracefs", False)
    assert told["sees"]["conversions"] is True
    costs = {spot["capability"]: spot["costs"] for spot in told["missing"]}
    assert costs["memslots"] == COST_OF_MISSING[Capability.MEMSLOTS]
    assert told["events"] == {"kvm:x": 3}
    assert told["host"]["kernel"]["release"] == "6.0"
    assert told["collector"] == {"events": 4}


def test_losses_are_summed_by_source_and_cpu(told: dict[str, Any]) -> None:
    assert told["lost_events"] == 12
    keys = ("source", "cpu", "stretches", "events", "uncounted", "from", "to")
    assert [tuple(loss[key] for key in keys) for loss in told["losses"]] == [
        ("bpftrace", None, 1, 0, 1, 50, 60),
        ("tracefs", 0, 1, 7, 0, 300, 400),
        ("tracefs", 1, 2, 5, 1, 100, 600),
    ]


def test_what_a_recording_does_not_say_is_null(client: httpx.Client) -> None:
    told = client.get("/api/v1/recordings/1/coverage").json()
    assert told["missing"] == [{"capability": "page-faults", "costs": "no faults"}]
    unsaid = ("sees", "conversion_ranges", "events", "unused_events", "host", "collector")
    assert {key: told[key] for key in unsaid} == dict.fromkeys(unsaid)
    assert told["losses"] == [
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
    counted = {"events": 7, "bytes": 4096, "lag_ns": 2_500_000, "waited_s": 0.5, "cpu_s": 1.5}
    header = RecordingHeader("l", "tracefs", "h", "mono", 0, coverage={"collector": counted})
    with serve(Settings(database_url=str(path))) as client:
        with RecordingWriter(engine, header, is_live=True):
            lines = client.get("/metrics").text.splitlines()
            assert 'gmemscope_collector_calls_total{recording="1"} 7' in lines
            assert 'gmemscope_collector_lag_seconds{recording="1"} 0.0025' in lines
        assert "collector_calls_total{" not in client.get("/metrics").text
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
