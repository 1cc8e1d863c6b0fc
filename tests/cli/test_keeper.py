"""The thread beside a recorder that keeps the database within its limits."""

import time
from pathlib import Path

import pytest

from app.commands.recording import _keeper as keeper
from app.commands.recording._keeper import Keeper
from app.queries.retention import Keeping, Limits
from app.store.database import open_database
from app.store.errors import StoreError
from app.store.read import Reader
from tests.fuzz.year import DAY_NS, play


def test_what_is_old_goes_and_the_line_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    engine = open_database(tmp_path / "old.db")
    for _ in play(engine, 4, None):  # years ago
        pass
    lines: list[str] = []
    with Keeper(engine, Limits(DAY_NS, DAY_NS), lines.append):
        while not lines:
            time.sleep(0.01)
    assert Reader(engine).expired(1)
    assert len(lines) == 1
    assert "stretches of old events were let go" in lines[0]
    engine.dispose()


def test_a_disk_without_room_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    looks = 0

    def fails(_: Keeping) -> object:
        nonlocal looks
        looks += 1
        raise StoreError("old.db: the disk is full")

    monkeypatch.setattr(Keeping, "steps", fails)
    engine = open_database(tmp_path / "old.db")
    lines: list[str] = []
    with Keeper(engine, Limits(DAY_NS), lines.append):
        while looks < 4:
            time.sleep(0.01)
    assert lines == ["nothing can be let go of the database now: old.db: the disk is full"]
    engine.dispose()
