"""Tests that watch the whole machine never run beside each other."""

import re
from pathlib import Path

import pytest

from tests.parallel import FIRST, MACHINE, SHARE_A_FIXTURE, WATCH_THE_MACHINE, unit_of

ROOT = Path(__file__).parents[2]
TESTS = sorted(path.relative_to(ROOT) for path in ROOT.glob("tests/*/test_*.py"))
WATCHES = re.compile(
    r"^from (collecting|holding_vmm|hosting|vmm) import|Path\(\"/sys/kernel/tracing\"\)",
    re.MULTILINE,
)


def test_places_that_are_named_exist() -> None:
    named = {*WATCH_THE_MACHINE, *SHARE_A_FIXTURE, *FIRST} - {MACHINE}
    assert [place for place in named if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    "file", [p for p in TESTS if WATCHES.search((ROOT / p).read_text())], ids=str
)
def test_what_watches_the_machine_is_one_unit(file: Path) -> None:
    assert unit_of(f"{file}::test_one[of::several]") == MACHINE


def test_a_file_stays_whole_and_so_does_a_room_that_shares_a_fixture() -> None:
    assert unit_of("tests/model/test_jit.py::test_one[x]") == "tests/model/test_jit.py"
    assert unit_of("tests/figures/test_one_figure.py::test_one") == "tests/figures"
