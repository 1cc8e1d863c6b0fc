"""`gmemscope delete` and `prune`: what goes, what stays, and who is asked."""

import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli
from app.commands.usage import parse_age
from app.store.database import deletion_steps, mark_deleted, open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader, check
from app.store.write import RecordingWriter
from tests.browsing import simulate
from tests.forking import Forked
from tests.store.histories import IDENTITY, memslot, random_events

NS_PER_S = 10**9
DAY_NS = 86_400 * NS_PER_S
NOW_NS = 1_800_000_000 * NS_PER_S
Record = Callable[..., int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gmemscope.db"


@pytest.fixture
def record(path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Make a recording that ended some days ago; None: its time of day is not known."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW_NS)

    def make(days_ago: float | None, name: str = "storm") -> int:
        wall = None if days_ago is None else NOW_NS - int(days_ago * DAY_NS) - NS_PER_S
        engine = open_database(path)
        header = RecordingHeader(name, "trace.dat", "host", "mono", 0, wall_start_ns=wall)
        with RecordingWriter(engine, header, segment_events=64) as writer:
            vm_id = writer.add_vm(IDENTITY)
            writer.set_memslot(vm_id, memslot(0, 0, 4096))
            writer.append(vm_id, random_events(2000))
        engine.dispose()
        return writer.recording_id

    return make


def ran(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.app, [*arguments, "--database", str(path)])


def refused(path: Path, *arguments: str) -> str:
    result = ran(path, *arguments)
    assert result.exception is not None
    assert not isinstance(result.exception, SystemExit)
    return str(result.exception)


def left(path: Path) -> list[int]:
    engine = open_database(path, read_only=True)
    ids = [recording.id for recording in Reader(engine).recordings()]
    assert check(engine).findings == ()
    engine.dispose()
    return ids


def test_recordings_go_by_id_and_by_uuid(path: Path, record: Record) -> None:
    first, second, third = record(3), record(2), record(1)
    engine = open_database(path)
    uuid = Reader(engine).recording(third).uuid
    engine.dispose()
    before = path.stat().st_size
    result = ran(path, "delete", str(first), uuid, str(first), "--yes")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert re.fullmatch(
        r"deleted recording 1  storm  1 VM, 2\u2009000 events, [\d.]+ KiB, ended 3 days ago",
        lines[0],
    )
    assert lines[1].startswith("deleted recording 3  storm  ")
    assert re.fullmatch(r"the database's file is [\d.]+ [KM]iB smaller", lines[2])
    assert len(lines) == 3
    assert left(path) == [second]
    assert path.stat().st_size < before


def test_json_names_what_went_and_the_bytes_that_came_back(path: Path, record: Record) -> None:
    record(3, "old <storm>")
    before = path.stat().st_size
    answer = json.loads(ran(path, "delete", "1", "--yes", "--json").stdout)
    (recording,) = answer["recordings"]
    assert (recording["id"], recording["name"]) == (1, "old <storm>")
    assert (recording["storage"]["events"], recording["storage"]["vms"]) == (2000, 1)
    assert recording["storage"]["segment_bytes"] > 10_000
    assert answer["given_back_bytes"] == before - path.stat().st_size > 10_000
    assert answer["free_bytes"] == 0
    assert left(path) == []


def test_an_unknown_id_among_others_deletes_nothing(path: Path, record: Record) -> None:
    record(3)
    assert "there is no recording 7, storm; nothing was deleted" in refused(
        path, "delete", "1", "7", "storm", "--yes"
    )
    assert left(path) == [1]


def test_without_a_terminal_nothing_is_deleted_unasked(path: Path, record: Record) -> None:
    record(3)
    assert "there is no terminal to ask on; give --yes" in refused(path, "delete", "1")
    assert left(path) == [1]


@pytest.mark.parametrize(("answer", "status", "stay"), [("n", 1, [1]), ("y", 0, [])])
def test_on_a_terminal_it_asks(
    path: Path, record: Record, answer: str, status: int, stay: list[int]
) -> None:
    record(None)
    ours, theirs = pty.openpty()
    command = ["delete", "1", "--database", path]
    with Forked(command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        shown = ""
        while "for good?" not in shown:
            shown += os.read(ours, 1000).decode()
        os.write(ours, f"{answer}\n".encode())
        process.communicate()
    os.close(ours)
    assert "2\u2009000 events" in shown
    assert "end not known" in shown
    assert process.returncode == status
    assert left(path) == stay


def test_what_is_being_written_is_not_deleted_and_the_rest_is_not_either(
    path: Path, record: Record
) -> None:
    record(9)
    engine = open_database(path)
    header = RecordingHeader("live", "tracefs", "host", "mono", 0, wall_start_ns=NOW_NS - DAY_NS)
    with RecordingWriter(engine, header, is_live=True) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(10))
        assert "recording 2 is being written now" in refused(path, "delete", "1", "2", "--yes")
        assert left(path) == [1, 2]
        listed = json.loads(ran(path, "list", "--json").stdout)["recordings"][1]["storage"]
        assert (listed["is_written"], listed["ended_ns"], listed["age_s"]) == (True, None, None)
        assert ran(path, "prune", "--older-than", "30s").exit_code == 0
    engine.dispose()
    assert left(path) == [2]


def test_a_recording_goes_beside_one_that_is_recorded(path: Path, record: Record) -> None:
    """Of a simulated guest, whole process beside whole process."""
    for _ in range(4):
        record(5)
    recorder = simulate(path, "boot-and-storm", "--live", "--speed", "20")
    engine = open_database(path)
    reader = Reader(engine)
    try:
        while not any(mark.recording_id == 5 and mark.is_written for mark in reader.watermarks()):
            time.sleep(0.02)
        before = len(reader.vms(5))
        result = ran(path, "delete", "1", "2", "3", "4", "--yes")
        assert result.exit_code == 0, result.output
        after = reader.recording(5).last_t
        while reader.recording(5).last_t == after and recorder.poll() is None:
            time.sleep(0.02)
    finally:
        recorder.terminate()
        recorder.wait()
    (recording,) = reader.recordings()
    assert recording.id == 5
    assert recording.last_t > after
    assert recording.state == "complete", recording.incomplete_reason
    assert len(reader.vms(5)) >= before
    assert check(engine).findings == ()
    engine.dispose()


def test_prune_takes_what_ended_longer_ago(path: Path, record: Record) -> None:
    record(30), record(None), record(8), record(6)
    result = ran(path, "prune", "--older-than", "7d")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.partition("  ")[0] for line in lines[:2]] == [
        "deleted recording 1",
        "deleted recording 3",
    ]
    assert lines[2] == "kept, as it is not known when they ended: 2"
    assert re.fullmatch(r"the database's file is [\d.]+ [KM]iB smaller", lines[3])
    assert left(path) == [2, 4]
    again = ran(path, "prune", "--older-than", "7d").output.splitlines()
    assert again == ["no recording ended as long ago as that", lines[2]]


def test_a_dry_run_deletes_nothing(path: Path, record: Record) -> None:
    record(30), record(6)
    shown = ran(path, "prune", "--older-than", "1w", "--dry-run").output.splitlines()
    assert shown[0].startswith("would delete recording 1  storm  1 VM, ")
    assert re.fullmatch(r"[\d.]+ KiB of events and maps would come back", shown[1])
    answer = json.loads(ran(path, "prune", "--older-than", "1w", "--dry-run", "--json").stdout)
    assert [one["id"] for one in answer["recordings"]] == [1]
    assert (answer["given_back_bytes"], answer["dry_run"]) == (None, True)
    assert left(path) == [1, 2]


def test_prune_finishes_a_deletion_that_was_cut_short(
    path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.database._recovery.STEPS_AT_OPENING", 1)
    record(1)
    engine = open_database(path)
    mark_deleted(engine, 1)
    next(deletion_steps(engine, 1))
    answer = json.loads(ran(path, "prune", "--older-than", "7d", "--json").stdout)
    assert answer["given_back_bytes"] > 10_000
    with engine.connect() as connection:
        for table in ("segment", "vm", "recording", "host"):
            assert not connection.exec_driver_sql(f"SELECT * FROM {table}").all()
    engine.dispose()


def test_ages_are_read_as_people_write_them() -> None:
    given = {
        "30s": 30,
        "90min": 5400,
        "36h": 129_600,
        "7d": 604_800,
        "2w": 1_209_600,
        "1.5d": 129_600,
    }
    assert {text: parse_age(text) for text in given} == given


def test_an_age_without_a_unit_is_wrong_usage(path: Path, record: Record) -> None:
    record(30)
    result = ran(path, "prune", "--older-than", "7")
    assert result.exit_code == 2
    assert "write 7d" in result.output
    assert left(path) == [1]
