"""`gmemscope check`."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.errors import CommandError


@pytest.fixture
def path(small_database: Path, tmp_path: Path) -> Path:
    """One to do damage to: the other is everybody's."""
    return Path(shutil.copy(small_database, tmp_path / "own.db"))


def checked(path: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["check", "--database", str(path), *arguments])
    return result.exit_code, result.stdout


def test_a_sound_database(path: Path) -> None:
    status, said = checked(path)
    assert (status, said) == (0, "1 recordings, 2 segments: no damage found\n")


def test_damage_is_listed_with_its_place_and_its_cost(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE segment SET event_blob = zeroblob(50) WHERE id = 1")
        raw.execute("UPDATE memslot SET npages = npages + 1 WHERE vm_id = 1")
    status, said = checked(path)
    assert status == 1
    assert "recording 1, VM 1: rows: the memslots of VM 1 are not what was stored" in said
    assert "recording 1, VM 1, segment 1, t = 0.00000" in said
    assert "events are lost" in said
    status, said = checked(path, "--json")
    answer = json.loads(said)
    assert (status, answer["is_sound"]) == (1, False)
    assert [finding["part"] for finding in answer["findings"]] == ["rows", "events"]


def test_what_sqlite_itself_finds_is_listed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE loss SET recording_id = 77")
        raw.execute("INSERT INTO note VALUES (1, 99, 0, NULL, NULL, NULL, '', NULL, 0, NULL, 1, 0)")
    status, said = checked(path)
    assert status == 1
    assert "foreign_key_check: row 1 of note belongs to no vm" in said


@pytest.mark.parametrize(
    "command",
    [
        *(
            ("export", "1", "--what", what)
            for what in ("conversions", "changes", "events", "state")
        ),
        ("report", "1", "--output", "report.html"),
    ],
)
def test_who_reads_what_is_damaged_is_known(
    path: Path, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a table the rows that are lost are merely not there."""
    monkeypatch.chdir(tmp_path)
    arguments = [*command, "--database", str(path)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE segment SET event_blob = zeroblob(50) WHERE vm_id = 1")
    found = CliRunner().invoke(cli.app, arguments)
    assert isinstance(found.exception, CommandError)
    assert "recording 1: the database is damaged (" in str(found.exception)
    assert "now a loss); gmemscope check lists all damage" in str(found.exception)
