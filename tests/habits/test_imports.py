"""Imports point one way: api, pages -> views -> store -> model -> compiled."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "app/compiled": {"app.compiled"},
    "app/model": {"app.compiled", "app.model"},
    "app/store": {"app.compiled", "app.model", "app.store"},
    "app/views": {"app.model", "app.store", "app.views"},
    "app/api": {"app.model", "app.store", "app.views", "app.api", "app.settings", "app.headers"},
    "app/report": {"app.model", "app.store", "app.views", "app.report"}
    | {"app.templating", "app.resources"},
    "collector": {"app.compiled", "app.model", "app.store", "collector"},
}
"""What each folder may import of ours, for types, too. `collector` is beside `app/store`."""

WEB = ("fastapi", "starlette", "uvicorn", "jinja2")


def ours_imported_by(path: Path) -> set[str]:
    """Modules of this project that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("app", "collector")}


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_point_one_way(folder: str) -> None:
    allowed = tuple(f"{package}." for package in MAY_IMPORT[folder])
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in ours_imported_by(path)
        if not f"{name}.".startswith(allowed)
    }
    assert wrong == set()


@pytest.mark.parametrize("module", ["app.store.writer", "app.store.reader", "collector.importer"])
def test_an_agent_loads_nothing_of_the_web(module: str) -> None:
    """What is imported by what is imported counts, too."""
    script = f"import sys, {module}; print(*sys.modules.keys() & {WEB!r})"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert loaded.stdout.strip() == ""
