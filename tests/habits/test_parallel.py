"""Tests that watch the whole machine never run beside each other."""

from pathlib import Path

import pytest

from tests.parallel import FIRST, MACHINE, SHARE_A_FIXTURE, WATCHERS, unit_of

ROOT = Path(__file__).parents[2]
TESTS = sorted(path.relative_to(ROOT) for path in ROOT.glob("tests/*/test_*.py"))
OTHERS = [path for path in ROOT.glob("tests/*/*.py") if not path.name.startswith("test_")]


def test_places_that_are_named_exist() -> None:
    named = {*SHARE_A_FIXTURE, *FIRST} - {MACHINE}
    assert [place for place in named if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("name", WATCHERS)
def test_what_watches_the_machine_is_known_by_what_it_uses(name: str) -> None:
    assert any(f"def {name}(" in path.read_text() for path in OTHERS)
    users = [file for file in TESTS if name in (ROOT / file).read_text()]
    assert users
    assert {unit_of(f"{file}::test_one[of::several]") for file in users} == {MACHINE}


def test_most_files_are_units_of_their_own() -> None:
    beside = [file for file in TESTS if unit_of(f"{file}::test_one") == str(file)]
    assert len(beside) > len(TESTS) / 2


def test_a_file_stays_whole_and_so_does_a_room_that_shares_a_fixture() -> None:
    assert unit_of("tests/model/test_jit.py::test_one[x]") == "tests/model/test_jit.py"
    assert unit_of("tests/figures/test_one_figure.py::test_one") == "tests/figures"
