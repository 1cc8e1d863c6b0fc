"""Where the files are that come with the program and are no Python.

In a checkout they lie beside the packages, in an installation within this one (setup.py).
"""

from pathlib import Path
from typing import Literal

Name = Literal["templates", "static", "examples"]

ROOT = Path(__file__).parents[1]
INSTALLED = Path(__file__).parent / "resources"
_IN_CHECKOUT: dict[Name, Path] = {
    "templates": ROOT / "templates",
    "static": ROOT / "static",
    "examples": ROOT / "docs" / "examples",
}
WITHOUT_LIBRARIES = (
    "it came not with this installation, which was built where npm was not. Install npm, then "
    "gmemscope anew (in a checkout, `scripts/assets` is enough)"
)


def folder(name: Name) -> Path:
    installed = INSTALLED / name
    return installed if installed.is_dir() else _IN_CHECKOUT[name]


def browser_library(name: str) -> Path:
    """One of the browser's libraries, which scripts/assets brings: it may be missing."""
    return folder("static") / "vendor" / name
