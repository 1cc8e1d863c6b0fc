"""What the code imports is what pyproject.toml declares, and an agent needs nothing of the web."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OURS = {"app", "collector"}
OF_AGENT = ("drgn", "qmp")
"""Extras that make an agent see more. None of them is imported before it is needed."""


@cache
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    requirements = list(project()["dependencies"])
    for extra in extras:
        requirements += project()["optional-dependencies"][extra]
    return {normal(re.split(r"[\s<>=!~;\[]", requirement)[0]) for requirement in requirements}


class RunTimeOnly(ast.NodeTransformer):
    """Drops what only the type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def imported_by(path: Path) -> set[str]:
    """Top-level names of every import in one file, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(RunTimeOnly().visit(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def third_party(folders: list[str]) -> set[str]:
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    names = set().union(*map(imported_by, files)) - OURS - set(sys.stdlib_module_names)
    distributions = packages_distributions()
    return {normal(distributions.get(name, [name])[0]) for name in names}


def test_imports_of_the_agent_are_its_own_dependencies() -> None:
    assert third_party(["collector", "app/compiled", "app/model", "app/store"]) <= declared(
        *OF_AGENT
    ) | {"sqlalchemy"}


def test_every_import_is_declared() -> None:
    # SQLAlchemy is what SQLModel stands on, Starlette and Pydantic what FastAPI stands on: each is
    # pinned by the other, to the range that it works with.
    implied = {"sqlalchemy", "starlette", "pydantic", "pydantic-core"}
    assert third_party(["app", "collector"]) <= declared("web", *OF_AGENT) | implied


def test_every_dependency_is_imported() -> None:
    # uvicorn is imported by `serve` only; zstandard by the decoder; none is there by habit.
    assert declared("web", *OF_AGENT) <= third_party(["app", "collector"])
