"""The browser's modules import one way: pages, explorer -> charts -> view -> shared, no circles."""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "static" / "js"
SHOWN = {"charts", "view", "shared"}
MAY_IMPORT = {
    "shared": {"shared"},
    "news": {"news", "shared"},
    "view": {"view", "shared"},
    "charts": SHOWN,
    "pages": SHOWN | {"news", "pages"},
    "explorer": SHOWN | {"news", "explorer"},
    "explorer/cursor": SHOWN | {"explorer/cursor"},
    "explorer/events": SHOWN | {"explorer/events"},
    "explorer/notes": SHOWN | {"news", "explorer/notes"},
}
OWN_ROOMS = {"explorer": {"explorer/cursor", "explorer/events", "explorer/notes"}}
"""The room that puts the others of a page together may import them."""

MOST_FILES = 14
LOADED = re.compile(r"""(?:\bfrom\s+|\bimport\s+|new URL\(\s*)["'](\.[^"']+)["']""")
TYPED = re.compile(r"""\bimport\(\s*["'](\.[^"']+)["']""")
"""Of comments that name a type; no module is loaded for one."""


def modules() -> list[Path]:
    return sorted(SCRIPTS.rglob("*.js"))


def room_of(module: Path) -> str:
    return module.parent.relative_to(SCRIPTS).as_posix()


def loaded_by(module: Path) -> list[Path]:
    return [(module.parent / name).resolve() for name in LOADED.findall(module.read_text())]


def imported_by(module: Path) -> list[Path]:
    """Files that a module names by a relative path, for types, too."""
    named = TYPED.findall(module.read_text())
    return [*loaded_by(module), *((module.parent / name).resolve() for name in named)]


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
    graph = {module: loaded_by(module) for module in modules()}
    while free := [module for module, needs in graph.items() if not any(n in graph for n in needs)]:
        for module in free:
            del graph[module]
    assert [module.name for module in graph] == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_can_be_taken_in_at_a_glance(room: str) -> None:
    assert sum(room_of(module) == room for module in modules()) <= MOST_FILES


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_every_room_states_what_it_holds(room: str) -> None:
    assert f"| `{room}/` |" in (SCRIPTS / "README.md").read_text()
