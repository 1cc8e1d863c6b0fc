"""`gmemscope list`."""

import json
import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.model.guest import Certainty, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from tests.small_guest import LAST_T, WALL_START_NS


def listed(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, ["list", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_hosts_recordings_and_vms_have_ids(
    small_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_ns = WALL_START_NS + LAST_T
    monkeypatch.setattr(time, "time_ns", lambda: ended_ns + 3 * 86_400 * 10**9)
    shown = listed("--database", str(small_database))
    assert re.sub(r"\d+\.\d KiB", "N KiB", shown).splitlines() == [
        "host 1  testhost",
        "  recording 1  small  [trace.dat]  0.000 s  complete  N KiB, ended 3 days ago",
        "    vm 1  guest-a  pid 100  fd 5  6 conversions (1 failed)  "
        "pages: private 1004, shared 272, unknown 4",
        "    vm 2  guest-b  pid 200  fd 5  1 conversion (0 failed)  "
        "pages: private not recorded, shared not recorded, unknown at least 2",
    ]


def test_json_has_what_rest_has(small_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended_ns = WALL_START_NS + LAST_T
    monkeypatch.setattr(time, "time_ns", lambda: ended_ns + 60 * 10**9)
    answer = json.loads(listed("--json", "--database", str(small_database)))

    assert answer["hosts"] == [{"id": 1, "name": "testhost"}]
    assert [recording["id"] for recording in answer["recordings"]] == [1]
    (recording,) = answer["recordings"]
    storage = recording["storage"]
    assert storage["segment_bytes"] > 1000
    assert storage["age_s"] == 60
    assert storage == {
        "recording": 1,
        "is_written": False,
        "segments": 2,
        "segment_bytes": storage["segment_bytes"],
        "rows": 12,
        "vms": 2,
        "events": 10,
        "notes": 0,
        "ended_ns": str(WALL_START_NS + LAST_T),
        "age_s": 60,
    }
    assert [(vm["id"], vm["name"], vm["recording"]) for vm in answer["vms"]] == [
        (1, "guest-a", 1),
        (2, "guest-b", 1),
    ]
    assert answer["vms"][0]["totals"] == {
        "private": 1004,
        "shared": 272,
        "unknown": 4,
        "at_least": [],
    }


def test_an_empty_database_names_how_to_fill_it(tmp_path: Path) -> None:
    open_database(tmp_path / "new.db").dispose()
    assert "gmemscope import FILE" in listed("--database", str(tmp_path / "new.db"))


def test_what_is_not_known_of_a_vm_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "strays.db"
    engine = open_database(path)
    header = RecordingHeader("strays", "trace.dat", "host", "mono", 0)
    with RecordingWriter(engine, header) as writer:
        nowhere = VmIdentity(
            "unattributed",
            None,
            None,
            None,
            Certainty.UNKNOWN,
            PageState.UNKNOWN,
            is_unattributed=True,
        )
        writer.add_vm(nowhere)
    engine.dispose()

    assert "vm 1  unattributed  0 conversions" in listed("--database", str(path))
