"""A short run of kills, at the same instants as far as the machine allows; `make fuzz` has more."""

from pathlib import Path

from tests.fuzz.kills import run

KILLS = 3


def test_a_writer_may_be_killed_at_any_instant(tmp_path: Path) -> None:
    assert run(seed=5, kills=KILLS, path=tmp_path / "killed.db") > 0
