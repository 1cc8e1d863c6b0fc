"""The map of the house in CONTRIBUTING.md leads to names that are there, not only to files."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)*)` in\s+`([\w/.]+)`")
PATH = re.compile(r"`((?:app|collector|static|templates|docs|tests|scripts)/[\w/.]*)`")
JAVASCRIPT_NAME = r"(?:^|\b(?:function|class|const|let|async|static)\s+|\n\s+){}\s*[=({{]"


def contributing() -> str:
    return (ROOT / "CONTRIBUTING.md").read_text()


def rows() -> list[tuple[str, str, str]]:
    """What one wants to add, where it goes, and where it is made known."""
    table = [line for line in contributing().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [(wanted, place, known_by) for wanted, place, known_by in cells[1:]]


def names_in(path: Path) -> set[str]:
    """What a module defines: its names, and those of its classes' members."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        names |= defined_by(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{one}" for member in node.body for one in defined_by(member)}
    return names


def defined_by(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {one.id for one in targets if isinstance(one, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def is_defined(name: str, path: Path) -> bool:
    if path.suffix == ".py":
        return name in names_in(path)
    return re.search(JAVASCRIPT_NAME.format(re.escape(name)), path.read_text()) is not None


@pytest.mark.parametrize(("name", "path"), NAMED.findall(contributing()))
def test_what_the_map_names_is_defined_there(name: str, path: str) -> None:
    assert is_defined(name, ROOT / path)


def test_files_of_the_map_exist() -> None:
    assert [path for path in PATH.findall(contributing()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_names_a_place_and_what_makes_it_known(row: tuple[str, str, str]) -> None:
    _, place, known_by = row
    assert PATH.search(place) or NAMED.search(place)
    assert NAMED.search(known_by) or PATH.search(known_by) or known_by == "nowhere else"
