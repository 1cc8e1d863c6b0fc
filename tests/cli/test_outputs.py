"""Files that a command writes where it is asked to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.usage import opened_output
from app.errors import CommandError
from tests.acting import NOBODY, as_nobody, only_root


def write(path: Path, text: str = "new") -> None:
    with opened_output(path) as target:
        target.write(text.encode())


@pytest.fixture
def theirs(open_folder: Path) -> Path:
    folder = open_folder / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def test_a_file_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("much longer than what comes")
    write(path)
    assert path.read_text() == "new"


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert (tmp_path / "real").read_text() == "new"


def test_standard_output_has_a_name(capfd: pytest.CaptureFixture[str]) -> None:
    write(Path("/dev/stdout"), "to the terminal")
    assert capfd.readouterr().out == "to the terminal"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        write(tmp_path / "no" / "report.html")


def by_symbol(path: Path, victim: Path) -> None:
    as_nobody(lambda: path.symlink_to(victim))


def by_name(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


@pytest.mark.parametrize("plant", [by_symbol, by_name])
@only_root
def test_root_writes_through_no_link_of_another_user(
    theirs: Path, plant: Callable[[Path, Path], None]
) -> None:
    victim = theirs.parent / "victim"
    victim.write_text("precious")
    plant(theirs / "report.html", victim)
    with pytest.raises(CommandError):
        write(theirs / "report.html")
    assert victim.read_text() == "precious"


@only_root
def test_what_root_writes_into_a_users_folder_is_that_users(theirs: Path) -> None:
    write(theirs / "report.html")
    assert (theirs / "report.html").stat().st_uid == NOBODY
    (theirs / "roots").write_text("old")
    with pytest.raises(CommandError, match="Permission denied"):
        write(theirs / "roots")
