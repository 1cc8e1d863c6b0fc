"""`gmemscope storms`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli


@pytest.fixture(scope="module")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("stormy") / "stormy.db"
    run("simulate", "kexec", "--seed", "3", "--database", str(database))
    return database


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli.app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_storms_are_listed_with_what_they_were_measured_against(stormy: Path) -> None:
    lines = run("storms", "1", "--database", str(stormy)).splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["1", "2"]
    assert "11,960 conversions" in lines[0]
    assert lines[2].split()[0] == "boot:"
    assert "baseline" in lines[3]


def test_one_storm_in_full_by_place_or_id(stormy: Path) -> None:
    by_place = run("storms", "1", "--storm", "1", "--database", str(stormy))
    storm_id = by_place.split()[0]
    assert run("storms", "1", "--storm", storm_id, "--database", str(stormy)) == by_place
    assert "requested" in by_place


def test_json_is_what_rest_answers(stormy: Path) -> None:
    found = json.loads(run("storms", "1", "--json", "--database", str(stormy)))
    one = json.loads(run("storms", "1", "--storm", "2", "--json", "--database", str(stormy)))
    assert one["storm"] == found["storms"][1]
    assert one["facts"]["calls"]["requested"] == one["storm"]["calls"]


def test_thresholds_are_options(stormy: Path) -> None:
    text = run("storms", "1", "--min-calls", "1000000", "--database", str(stormy))
    assert text.startswith("no storm\n")


def test_a_storm_that_is_not_there(stormy: Path) -> None:
    arguments = ["storms", "1", "--storm", "9", "--database", str(stormy)]
    result = CliRunner().invoke(cli.app, arguments)
    assert "no storm '9'" in str(result.exception)
