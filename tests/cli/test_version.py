"""`gmemscope --version`: what runs, not what was installed once."""

import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import resources
from app.cli import app


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of version 9.8, where gmemscope is made to believe that it runs."""
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "one")
    git(tmp_path, "tag", "v9.8")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True)


def commit(folder: Path, content: str) -> None:
    (folder / "file").write_text(content)
    git(folder, "add", "file")
    git(folder, "commit", "--quiet", "--message", content)


def shown() -> str:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    return result.output


def test_a_checkout_of_a_release_has_its_version(checkout: Path) -> None:
    assert checkout.is_dir()
    assert shown() == "gmemscope 9.8\n"


def test_commits_after_a_release_are_counted(checkout: Path) -> None:
    commit(checkout, "two")
    assert shown().startswith("gmemscope 9.8-1-g")


def test_a_checkout_with_changes_is_no_release(checkout: Path) -> None:
    (checkout / "file").write_text("changed")
    assert shown() == "gmemscope 9.8-dirty\n"


def test_where_git_is_missing_the_installed_version_counts(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert shown() == f"gmemscope {metadata.version('gmemscope')}\n"


def test_an_installation_has_its_own_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    assert shown() == f"gmemscope {metadata.version('gmemscope')}\n"
