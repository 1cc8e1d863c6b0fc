"""Compiled code is taken again only while everything that it was made from is as it was."""

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.code_home import home_of_code
from app.compiled import _code_folder as _code_folder

ROOT = Path(__file__).parents[2]

LOOP = """
from app.compiled import hot_in_place
from app.store.part import (
    of as part_of,
)
from collector.kinds import SHARED

@hot_in_place
def answer(x):
    return part_of(x) + SHARED
"""
PART = """
from app.compiled import hot_part
from app.store.numbers import ADDED

@hot_part
def of(x):
    return x + {added}
"""
SCRIPT = """
from collector.text.whole import answer
from numba.core import event

with event.install_recorder("numba:compile") as compiled:
    print(answer(100), len(compiled.buffer) > 0)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what compiles, and a compiled function that other packages feed."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("code_home", "compiled"):
        shutil.copytree(ROOT / "app" / package, tmp_path / "app" / package, ignore=ignored)
    for package in ("app", "app/model", "app/store", "collector", "collector/text", "app/pages"):
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "collector" / "text" / "whole.py").write_text(LOOP)
    write_part(tmp_path, "ADDED")
    (tmp_path / "app" / "store" / "numbers.py").write_text("ADDED = 10")
    (tmp_path / "collector" / "kinds.py").write_text("SHARED = 1")
    return tmp_path


def write_part(project: Path, added: str) -> None:
    (project / "app" / "store" / "part.py").write_text(PART.format(added=added))


def answer(project: Path, **environment: str) -> tuple[int, bool]:
    """What the function returns in a new process, and whether it was compiled for that."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    number, compiled = done.stdout.split()
    return int(number), compiled == "True"


def folders(project: Path) -> list[Path]:
    return list((project / "app" / "compiled" / "__pycache__").glob("loops-*"))


def test_a_loop_follows_a_change_in_another_package(project: Path) -> None:
    assert answer(project) == (111, True)
    assert answer(project) == (111, False)
    write_part(project, "2 * ADDED")
    assert answer(project) == (121, True)
    (project / "app" / "store" / "numbers.py").write_text("ADDED = 30")
    assert answer(project) == (161, True)
    (project / "collector" / "kinds.py").write_text("SHARED = 0")
    assert answer(project) == (160, True)


def test_a_change_of_what_feeds_no_loop_compiles_nothing(project: Path) -> None:
    assert answer(project) == (111, True)
    (project / "app" / "pages" / "home.py").write_text("SHARED = 7")
    assert answer(project) == (111, False)


def test_a_change_while_a_process_runs_is_not_taken_for_what_it_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _code_folder._digest_of_sources() is not None
    monkeypatch.setattr(_code_folder, "_started", 0)
    assert _code_folder._digest_of_sources() is None


def test_code_of_old_states_is_removed(project: Path) -> None:
    home = project / "app" / "compiled" / "__pycache__"
    home.mkdir()
    for age in range(6):
        (home / f"loops-{age}").mkdir()
        os.utime(home / f"loops-{age}", times=(time.time() - age - 1,) * 2)
    (home / "others").mkdir()
    answer(project)
    kept = {folder.name for folder in home.iterdir() if folder.suffix != ".pyc"}
    assert {"loops-0", "loops-1", "loops-2", "others"} < kept
    assert len(kept) == 5


def test_damaged_code_is_not_taken(project: Path) -> None:
    assert answer(project) == (111, True)
    for name, content in (("*.nbi", b""), ("*.nbc", b"\0" * 4096)):
        (kept,) = folders(project)[0].rglob(name)
        kept.write_bytes(content)
        assert answer(project) == (111, True)  # and removes the folder
        assert answer(project) == (111, True)
        assert answer(project) == (111, False)


def test_code_that_others_could_have_put_there_is_not_taken(project: Path) -> None:
    assert answer(project) == (111, True)
    (folder,) = folders(project)
    folder.chmod(0o777)
    assert answer(project) == (111, True)
    folder.chmod(0o755)
    assert answer(project) == (111, False)
    if os.geteuid() == 0:
        os.chown(folder, 1, 1)
        assert answer(project) == (111, True)


def test_where_nothing_can_be_kept_each_process_compiles(project: Path) -> None:
    nowhere = str(project / "collector" / "kinds.py")  # no folder can be made in a file
    assert answer(project, NUMBA_CACHE_DIR=nowhere) == (111, True)


def test_code_is_kept_where_the_user_wants_it(project: Path) -> None:
    wanted = project / "wanted"
    assert answer(project, NUMBA_CACHE_DIR=str(wanted)) == (111, True)
    assert answer(project, NUMBA_CACHE_DIR=str(wanted)) == (111, False)
    assert folders(project) == []


def test_code_that_checks_bounds_is_kept_apart(project: Path) -> None:
    assert answer(project) == (111, True)
    assert answer(project, NUMBA_BOUNDSCHECK="1") == (111, True)
    assert answer(project, NUMBA_BOUNDSCHECK="0") == (111, False)
    assert answer(project) == (111, False)


def test_where_another_user_installed_it_the_users_cache_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert home_of_code() == ROOT / "app" / "compiled" / "__pycache__"
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert home_of_code() == tmp_path / "gmemscope"


def test_whatever_feeds_a_hot_loop_is_digested() -> None:
    """A module outside these packages holds no loop, and none of theirs imports it."""
    digested = {Path(source) for source in _code_folder.sources()}
    named = tuple(package.replace("/", ".") for package in _code_folder.FEEDING)
    for source in [*(ROOT / "app").rglob("*.py"), *(ROOT / "collector").rglob("*.py")]:
        names = ours_imported_by(source)
        if source in digested:
            assert all(name.startswith(named) for name in names), source
        else:
            assert not any(name.startswith("app.compiled") for name in names), source


def ours_imported_by(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith(("app.", "collector."))}
