"""`gmemscope list`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from app import cli


def listed(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, ["list", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_hosts_recordings_and_vms_have_ids(small_database: Path) -> None:
    assert listed("--database", str(small_database)).splitlines() == [
        "host 1  testhost",
        "  recording 1  small  [trace.dat]  0.000 s  complete",
        "    vm 1  guest-a  pid 100  fd 5  6 conversions (1 failed)  "
        "1004 private, 272 shared, 4 unknown pages",
        "    vm 2  guest-b  pid 200  fd 5  1 conversions (0 failed)  "
        "0 private, 0 shared, 2 unknown pages",
    ]


def test_json_has_what_rest_has(small_database: Path) -> None:
    answer = json.loads(listed("--json", "--database", str(small_database)))

    assert answer["hosts"] == [{"id": 1, "name": "testhost"}]
    assert [recording["id"] for recording in answer["recordings"]] == [1]
    assert [(vm["id"], vm["name"], vm["recording"]) for vm in answer["vms"]] == [
        (1, "guest-a", 1),
        (2, "guest-b", 1),
    ]
    assert answer["vms"][0]["totals"] == {"private": 1004, "shared": 272, "unknown": 4}


def test_an_empty_database_says_how_to_fill_it(tmp_path: Path) -> None:
    assert "gmemscope import FILE" in listed("--database", str(tmp_path / "new.db"))
