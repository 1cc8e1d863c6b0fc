"""A room has a door: what is for others, what the room does, the way of data through it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from .rooms import ROOMS

ROOT = Path(__file__).parents[2]
USERS = ("app", "collector", "tests", "benchmarks", "scripts")
SCRIPTS = (ROOT / "scripts" / "event-words",)
FEWEST_WORDS = 20
MOST_FILES = 13
"""A dozen and the door; what has more is two rooms."""


def folder_of(room: str) -> Path:
    return ROOT / room.replace(".", "/")


def door_of(room: str) -> ast.Module:
    return ast.parse((folder_of(room) / "__init__.py").read_text())


def exported_by(room: str) -> set[str] | None:
    """The names in `__all__`; None if there is none."""
    for node in door_of(room).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if isinstance(target, ast.Name) and target.id == "__all__":
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            return set(ast.literal_eval(node.value))
    return None


@cache
def taken() -> dict[str, set[str]]:
    """Room -> what files elsewhere take from its door, by name or as an attribute of the room."""
    names: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in (*SCRIPTS, *(path for top in USERS for path in (ROOT / top).rglob("*.py"))):
        text = path.read_text()
        own = ".".join(path.parent.relative_to(ROOT).parts)
        for room, name, handle in imports_in(ast.parse(text)):
            if room in names and room != own:
                attributes = re.findall(rf"\b{re.escape(handle)}\.(\w+)", text) if handle else []
                names[room] |= {name, *attributes}
    return names


def imports_in(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(room, name taken from it, what the room itself is called there)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name, ""
                yield f"{node.module}.{alias.name}", "", alias.asname or alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", alias.asname or alias.name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_door_and_few_files(room: str) -> None:
    assert len((ast.get_docstring(door_of(room)) or "").split()) >= FEWEST_WORDS
    assert exported_by(room) is not None, "__all__"
    assert len(list(folder_of(room).glob("*.py"))) <= MOST_FILES


@pytest.mark.parametrize("room", ROOMS)
def test_somebody_takes_every_name_on_a_door(room: str) -> None:
    assert (exported_by(room) or set()) - taken()[room] == set()
