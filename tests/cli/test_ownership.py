"""What root records in a user's folder is that user's; elsewhere nothing changes."""

import os
from pathlib import Path

import pytest

from app.commands.ownership import make_for_owner

NOBODY = 65534
only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="hardware: these tests are not root on this machine"
)


@only_root
def test_database_and_lock_belong_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    make_for_owner(str(tmp_path / "live.db"))
    assert {
        path.name: (path.stat().st_uid, path.stat().st_size) for path in tmp_path.iterdir()
    } == {
        "live.db": (NOBODY, 0),
        "live.db.lock": (NOBODY, 0),
    }


@only_root
def test_link_is_not_followed(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    target = tmp_path / "target"
    (tmp_path / "live.db").symlink_to(target)
    make_for_owner(str(tmp_path / "live.db"))
    assert not target.exists()


def test_database_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "live.db").write_text("content")
    before = (tmp_path / "live.db").stat()
    make_for_owner(str(tmp_path / "live.db"))
    assert (tmp_path / "live.db").stat().st_uid == before.st_uid
    assert (tmp_path / "live.db").read_text() == "content"


@pytest.mark.parametrize("database", [None, "postgresql://host/db", "/no/such/folder/live.db"])
def test_where_there_is_no_folder_nothing_is_made(database: str | None) -> None:
    make_for_owner(database)


def test_who_is_not_root_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    make_for_owner(str(tmp_path / "live.db"))
    assert list(tmp_path.iterdir()) == []
