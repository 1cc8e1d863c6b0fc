"""A recording with a storm, and reports of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import run

Reported = Callable[..., str]


@pytest.fixture(scope="session")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("stormy") / "stormy.db"
    run("simulate", "boot-and-storm", "--seed", "5", "--database", str(database))
    return database


@pytest.fixture
def report(stormy: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a report with these options; its path."""

    def write(*options: str, vm: str = "1") -> Path:
        path = tmp_path / "report.html"
        said = run("report", vm, "-o", str(path), "--database", str(stormy), *options)
        assert said.startswith(str(path))
        return path

    return write
