"""Rooms have doors, imports point one way, and a newcomer finds few files in each."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .rooms import ROOMS

ROOT = Path(__file__).parents[2]
WEB = ("fastapi", "starlette", "uvicorn", "jinja2")


def packages() -> set[str]:
    """All packages of ours but the migrations, whose layout is Alembic's."""
    tops = (ROOT / "app", ROOT / "collector")
    found = [path.parent for top in tops for path in top.rglob("__init__.py")]
    names = {".".join(folder.relative_to(ROOT).parts) for folder in found}
    return {name for name in names if "migrations" not in name}


def files_of(room: str) -> list[Path]:
    return sorted((ROOT / room.replace(".", "/")).glob("*.py"))


@cache
def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def ours_imported_by(path: Path) -> set[str]:
    """Modules of this project that a file imports anywhere in it, for types, too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if is_module(name) else node.module for name in whole.values()}
    return {name for name in names if name.split(".")[0] in ("app", "collector")}


def door_of(module: str) -> str:
    """The room that a private module is in; a public module is a door of its own."""
    parent, _, leaf = module.rpartition(".")
    return parent if leaf.startswith("_") else module


def is_own(module: str, room: str) -> bool:
    return module == room or (module.rpartition(".")[0] == room and module not in ROOMS)


def test_every_package_has_its_row() -> None:
    assert packages() == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_row_names(room: str) -> None:
    named = set(ROOMS[room].split())
    imports = {
        (path.name, door_of(module))
        for path in files_of(room)
        for module in ours_imported_by(path)
        if not is_own(module, room)
    }
    assert {(file, door) for file, door in imports if door not in named} == set()
    assert named - {door for _, door in imports} == set(), "named, and not imported"


@pytest.mark.parametrize("room", ROOMS)
def test_others_come_in_by_the_door(room: str) -> None:
    wrong = {
        f"{path.name}: {module}"
        for path in files_of(room)
        for module in ours_imported_by(path)
        if not is_own(module, room) and any(part[0] == "_" for part in module.split("."))
    }
    assert wrong == set()


def test_imports_point_one_way() -> None:
    """Raises CycleError if some rooms import one another in a circle."""
    graph: dict[str, set[str]] = {}
    for room in ROOMS:
        for path in files_of(room):
            # A public module of a room is a door of its own: others may pass it, not the room.
            name = room if path.name.startswith("_") else f"{room}.{path.stem}"
            met = {door_of(module) for module in ours_imported_by(path)} - {name}
            graph.setdefault(name, set()).update(met)
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("room", ROOMS)
def test_modules_of_a_room_import_one_another_one_way(room: str) -> None:
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ours_imported_by(path)
        for path in files_of(room)
        if path.name != "__init__.py"
    }
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", ["app.store.write", "app.store.read", "collector.importing"])
def test_an_agent_loads_nothing_of_the_web(module: str) -> None:
    """What is imported by what is imported counts, too."""
    script = f"import sys, {module}; print(*sys.modules.keys() & {WEB!r})"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == ""
