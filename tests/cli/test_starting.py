"""What a short command costs is what it imports: none brings more than it needs."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.commands.upkeep import _warm as warm

SCRIPT = """
import sys
from app.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code or "doctor" in sys.argv, end
print("modules", *sorted(sys.modules))
"""
COMPILER = {"numba", "llvmlite"}
WEB = {"fastapi", "starlette", "uvicorn", "app.main"}
MIGRATIONS = {"alembic", "mako"}
COLUMNS = {"numpy", "pyarrow"}
TABLES = {"sqlalchemy", "sqlmodel"}
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "convwork.dat"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warm.command()
    path = tmp_path_factory.mktemp("starting") / "example.db"
    imported(["import", str(EXAMPLE)], path)
    return path


def imported(arguments: list[str], database: Path) -> set[str]:
    """The modules that a command has imported when it ends."""
    where = [] if arguments[0] in ("recipe", "doctor", "--help") else ["--database", str(database)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments, *where],
        capture_output=True,
        text=True,
        check=True,
    )
    *_, last = done.stdout.splitlines()
    return set(last.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["import", str(EXAMPLE), "--again"], WEB | MIGRATIONS),
        (["list"], COMPILER | WEB | MIGRATIONS | COLUMNS),
        (["list", "--json"], COMPILER | WEB | MIGRATIONS | COLUMNS),
        (["storms", "1"], WEB | MIGRATIONS),
        (["export", "1", "--what", "state"], WEB | MIGRATIONS),
        (["doctor"], COMPILER | WEB | MIGRATIONS),
        (["--help"], COMPILER | WEB | MIGRATIONS | COLUMNS | TABLES),
        (["recipe", "trace-cmd"], COMPILER | WEB | MIGRATIONS | COLUMNS | TABLES),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_no_more_than_it_needs(
    database: Path, arguments: list[str], needless: set[str]
) -> None:
    assert not imported(arguments, database) & needless


def test_what_stays_is_not_looked_through_at_the_end(database: Path) -> None:
    """Python collects garbage once more when it ends: a sixth of the time of a short command."""
    last = "import atexit, gc\natexit.register(lambda: print('frozen', gc.get_freeze_count()))\n"
    done = subprocess.run(
        [sys.executable, "-c", last + SCRIPT, "list", "--database", str(database)],
        capture_output=True,
        text=True,
        check=True,
    )
    name, count = done.stdout.splitlines()[-1].split()
    assert name == "frozen"
    assert int(count) > 0


@pytest.mark.parametrize(
    "arguments",
    [["simulate"], ["import", str(EXAMPLE), "--again"], ["list"], ["storms", "1"], ["check"]],
    ids=lambda arguments: arguments[0],
)
def test_what_a_command_leaves_is_one_file_that_can_be_copied(
    database: Path, tmp_path: Path, arguments: list[str]
) -> None:
    path = Path(shutil.copy(database, tmp_path / "copied.db"))
    imported(arguments, path)
    assert {left.name for left in tmp_path.iterdir()} <= {path.name, f"{path.name}.lock"}
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM segment").fetchone() > (0,)
