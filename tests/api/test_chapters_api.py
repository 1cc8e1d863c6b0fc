"""A recording that was gone on with: its chapters, and clocks that hold for their times."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app import cli
from app.settings import Settings
from tests.gone_on import AGAIN_T, FIRST, LAST_T, SECOND, SECOND_RUN, WALL_NS, make

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chapters") / "story.db"
    make(path)
    return path


@pytest.fixture(scope="module")
def dashboard(serve_module: Serve, database: Path) -> Iterator[httpx.Client]:
    with serve_module(Settings(database_url=str(database))) as opened:
        yield opened


def test_each_run_is_a_chapter_with_its_clocks(dashboard: httpx.Client) -> None:
    recording = dashboard.get("/api/v1/recordings/1").json()
    first, second = recording["chapters"]
    assert first == {
        "from": 0,
        "to": first["to"],
        "clock_start_ns": str(FIRST.clock_start_ns),
        "wall_start_ns": str(WALL_NS),
        "boot_id": FIRST.boot_id,
        "kernel_release": "6.12.1",
        "source": "tracefs",
        "ended": "the writer (process 42) ended without finishing",
    }
    assert (second["from"], second["clock_start_ns"]) == (AGAIN_T, str(30 * SECOND))
    assert second["ended"] == "it was asked to end"
    assert recording["state"] == "complete"


def test_events_have_the_clock_of_their_run(dashboard: httpx.Client) -> None:
    (first,) = dashboard.get("/api/v1/vms/1/events?kind=conversion&limit=1").json()["items"]
    (last,) = dashboard.get("/api/v1/vms/2/events?kind=conversion&limit=1").json()["items"]
    assert int(first["clock_ns"]) - first["t"] == FIRST.clock_start_ns
    assert int(last["clock_ns"]) - last["t"] == SECOND_RUN.clock_start_ns - AGAIN_T


def test_exports_have_it_too(database: Path) -> None:
    command = ["export", "2", "--what", "conversions", "--format", "csv"]
    result = CliRunner().invoke(cli.app, [*command, "--database", str(database)])
    row = next(csv.DictReader(io.StringIO(result.stdout)))
    assert int(row["clock_ns"]) - int(row["t"]) == SECOND_RUN.clock_start_ns - AGAIN_T


def test_page_of_the_recording_lists_them(dashboard: httpx.Client) -> None:
    page = dashboard.get("/recordings/1").text
    assert "The recorder ran 2 times" in page
    assert "the writer (process 42) ended without finishing" in page
    assert "6.12.2, after another boot" in page
    assert "not recording" in page


def test_list_names_them(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: WALL_NS + LAST_T + 60 * SECOND)
    result = CliRunner().invoke(cli.app, ["list", "--database", str(database)])
    lines = [line for line in result.output.splitlines() if "chapter" in line]
    assert lines[0].endswith("the writer (process 42) ended without finishing")
    assert lines[1].startswith("    chapter 2  t+35.000 s to t+")
    assert "ended 55 seconds ago" in result.output, "by the clock of the last run"
    as_json = CliRunner().invoke(cli.app, ["list", "--json", "--database", str(database)])
    (recording,) = json.loads(as_json.output)["recordings"]
    assert [one["ended"] is None for one in recording["chapters"]] == [False, False]


def test_a_redacted_report_has_nothing_of_them(dashboard: httpx.Client) -> None:
    for vm in (1, 2):
        report = dashboard.get(f"/vms/{vm}/report?redact=true").text
        assert "11111111-0000" not in report
        assert "process 42" not in report
        assert str(SECOND_RUN.clock_start_ns) not in report


def test_a_vm_begins_with_the_run_that_met_it(dashboard: httpx.Client, tmp_path: Path) -> None:
    spans = [dashboard.get(f"/api/v1/vms/{vm}").json()["span"] for vm in (1, 2)]
    assert [span[0] for span in spans] == [0, AGAIN_T]
