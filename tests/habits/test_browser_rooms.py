"""The browser's modules import one way: pages, explorer -> charts -> shared, without a circle."""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "static" / "js"
MAY_IMPORT = {
    "shared": {"shared"},
    "charts": {"charts", "shared"},
    "pages": {"pages", "charts", "shared"},
    "explorer": {"explorer", "charts", "shared"},
    "explorer/cursor": {"explorer/cursor", "charts", "shared"},
    "explorer/events": {"explorer/events", "charts", "shared"},
    "explorer/notes": {"explorer/notes", "charts", "shared"},
}
OWN_ROOMS = {"explorer": {"explorer/cursor", "explorer/events", "explorer/notes"}}
"""The room that puts the others of a page together may import them."""

MOST_FILES = 14
IMPORTED = re.compile(r"""(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|new URL\(\s*)["'](\.[^"']+)["']""")


def modules() -> list[Path]:
    return sorted(SCRIPTS.rglob("*.js"))


def room_of(module: Path) -> str:
    return module.parent.relative_to(SCRIPTS).as_posix()


def imported_by(module: Path) -> list[Path]:
    """Files that a module names by a relative path, in comments for types, too."""
    return [(module.parent / name).resolve() for name in IMPORTED.findall(module.read_text())]


def test_every_module_is_in_a_room() -> None:
    assert {room_of(module) for module in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_of_a_room_point_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | OWN_ROOMS.get(room, set())
    wrong = {
        f"{module.name}: {target.name}"
        for module in modules()
        if room_of(module) == room
        for target in imported_by(module)
        if room_of(target) not in allowed
    }
    assert wrong == set()


def test_every_import_leads_to_a_file() -> None:
    missing = [
        f"{module.name}: {target.name}"
        for module in modules()
        for target in imported_by(module)
        if not target.is_file()
    ]
    assert missing == []


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: imported_by(module) for module in modules()}
    while free := [module for module, needs in graph.items() if not any(n in graph for n in needs)]:
        for module in free:
            del graph[module]
    assert [module.name for module in graph] == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_can_be_taken_in_at_a_glance(room: str) -> None:
    assert sum(room_of(module) == room for module in modules()) <= MOST_FILES


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_every_room_says_what_it_holds(room: str) -> None:
    assert f"| `{room}/` |" in (SCRIPTS / "README.md").read_text()
