"""`gmemscope simulate`, from its options to what a reader of the database then sees."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.errors import UsageError
from app.model.guest import EventKind
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.read import Reader
from app.store.schema import RecordingState
from tests.forking import Forked

PATIENCE_S = 120.0
"""Long enough to compile what a changed file made stale."""


def simulate(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["simulate", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gmemscope.db"


def recorded(database: Path, *arguments: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(simulate(*arguments, "--database", database, "--json"))
    return answer


def test_list_names_every_scenario_with_a_line() -> None:
    lines = simulate("--list").splitlines()
    assert [line.split()[0] for line in lines] == [
        "boot-and-storm",
        "calm",
        "mmio-hole",
        "kexec",
        "balloon",
        "implicit-only",
        "load",
    ]
    assert all(len(line.split()) > 4 for line in lines)


def test_the_demo_is_recorded_whole(database: Path, tmp_path: Path) -> None:
    truth_file = tmp_path / "truth.json"
    summary = recorded(database, "--truth", truth_file)
    truth = json.loads(truth_file.read_text())
    planted = [one for one in truth["planted"] if one["kind"] == "loss"]
    reader = Reader(open_database(database, read_only=True))
    recording = reader.recording(summary["recording"])
    (vm,) = summary["vms"]
    assert (recording.state, recording.source) == (RecordingState.COMPLETE, "simulator")
    assert [host.name for host in reader.hosts()] == ["simulated-host"]
    assert recording.name.startswith("simulated guest boot-and-storm")
    assert vm["name"] == "demo-cvm"
    assert summary["lost_events"] == planted[0]["lost"] > 0
    assert summary["conversions"]["failed"] == 160
    assert summary["conversions"]["unconfirmed"] == 1
    assert summary["memslots"] == 7
    assert truth["end_t"] == recording.last_t == summary["last_t"]


def test_private_shared_and_unknown_add_up_at_every_turn(database: Path) -> None:
    summary = recorded(database)
    vm_id = summary["vms"][0]["id"]
    reader = Reader(open_database(database, read_only=True))
    for second in (0, 1, 2, 5, 16, 20, 26, 38, 39, 45, 60):
        page_map = reader.page_map_at(vm_id, second * 10**9)
        totals = page_map.totals()
        slots = reader.memslots(vm_id, at=second * 10**9)
        assert sum(slot.npages for slot in slots) == sum(
            (totals.private, totals.shared, totals.unknown)
        )


def test_a_loss_makes_pages_unknown_until_the_guest_tells_again(database: Path) -> None:
    summary = recorded(database)
    vm_id = summary["vms"][0]["id"]
    reader = Reader(open_database(database, read_only=True))
    before, lost, after = (
        reader.page_map_at(vm_id, second * 10**9).totals() for second in (37, 40, 60)
    )
    assert before.unknown == 1  # the range of the call that was never confirmed
    assert lost.private < before.private / 100
    assert after.unknown == 0
    assert after.private > before.private * 0.99


def test_events_asks_for_conversions(database: Path) -> None:
    summary = recorded(database, "load", "--events", "20000", "--memory", "16GiB")
    assert summary["conversions"]["requested"] == 20_000
    assert summary["events"]["conversion"] == 20_000


def test_duration_ends_the_recording(database: Path) -> None:
    assert recorded(database, "calm", "--duration", "2.5")["last_t"] == 2_500_000_000


def test_the_summary_for_people_counts(database: Path) -> None:
    said = simulate("calm", "--seed", "3", "--database", database)
    assert said.startswith("recording 1: calm, seed 3, ")
    assert "0 events lost" in said


def test_live_and_at_once_store_the_same_events(database: Path) -> None:
    arguments = ("boot-and-storm", "--duration", "30")
    at_once = recorded(database, *arguments)
    live = recorded(database, *arguments, "--live", "--speed", "40")
    reader = Reader(open_database(database, read_only=True))
    events = []
    for summary in (at_once, live):
        batches = [rows for rows, _ in reader.iter_events(summary["vms"][0]["id"])]
        events.append(np.concatenate(batches))
    assert np.array_equal(events[0], events[1])
    assert not reader.recording(at_once["recording"]).is_live
    assert reader.recording(live["recording"]).is_live


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_completes_a_live_recording(database: Path, number: signal.Signals) -> None:
    command = ["simulate", "--live", "--speed", "4", "--database", database, "--json"]
    with Forked(command, stdout=subprocess.PIPE) as process:
        try:
            wait_for_conversions(process, database)
            os.kill(process.pid, number)
            said, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 0
    summary = json.loads(said)
    with reading(database) as reader:
        recording = reader.recording(summary["recording"])
    assert (recording.state, recording.incomplete_reason) == (RecordingState.COMPLETE, None)
    assert summary["events"]["conversion"] > 0


def wait_for_conversions(process: subprocess.Popen[str], database: Path) -> None:
    """Until a reader beside the writer sees some. It only reads: whoever opens a database to write
    locks it for a moment, and a simulator that cannot lock it for some seconds gives up."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the simulator ended by itself"
        with suppress(StoreError), reading(database) as reader:  # it may not be made as yet
            vms = reader.vms()
            if vms and vms[0].events_by_kind.get(EventKind.CONVERSION.name.lower()):
                return
        time.sleep(0.1)
    raise AssertionError("nothing was committed")


@contextmanager
def reading(database: Path) -> Iterator[Reader]:
    engine = open_database(database, read_only=True)
    try:
        yield Reader(engine)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("no-such",), "there is no scenario 'no-such'; there are boot-and-storm"),
        (("--speed", "2"), "--speed"),
        (("--live", "--speed", "0"), "--speed"),
        (("--duration", "0"), "--duration"),
        (("--memory", "1GiB"), "between 4 GiB and 4 TiB"),
        (("--vcpus", "5000"), "vCPUs"),
    ],
)
def test_wrong_usage_is_explained(database: Path, arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        simulate(*arguments, "--database", database)


def test_a_size_without_sense_is_refused() -> None:
    result = CliRunner().invoke(app, ["simulate", "--memory", "lots"])
    assert result.exit_code == 2
    assert "is no amount of memory" in result.output
