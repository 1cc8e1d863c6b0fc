"""Which sources feed a compiled function: its own module's and all it imports, directly or not."""

import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

COMPILER = "app.model.compiling"
"""Feeds every function, though it is imported only to compile."""
_OURS = ("app", "collector")
_IMPORT = re.compile(
    r"^(?:from[ ]+(?P<package>[.\w]+)[ ]+import[ ]+(?P<names>\([^)]*\)|[^\n#]*)"
    r"|import[ ]+(?P<modules>[^\n#]*))",
    re.MULTILINE,
)
_NAME = re.compile(r"(?P<name>[.\w]+)(?:\s+as\s+\w+)?")


@cache
def digest_of(module: str) -> str:
    """Another one for each state of the sources that feed the module's functions.

    A compiled function holds a copy of whatever it calls, of every number and of the layout of
    every row it knows by a name, wherever that name was imported from.
    """
    digest = hashlib.sha256()
    for source in sources_of(module):
        digest.update(_content(source))
    return digest.hexdigest()


def sources_of(module: str) -> list[Path]:
    """The files, in order of the modules' names."""
    folder = _file(module).parent
    seen, waiting = {}, [module, COMPILER]
    while waiting:
        name = waiting.pop()
        if name in seen or not _is_ours(name, folder):
            continue
        seen[name] = _file(name)
        waiting += _imported(seen[name], name)
    return [seen[name] for name in sorted(seen)]


def _is_ours(module: str, folder: Path) -> bool:
    """Of this project, or a neighbour of the function's own module."""
    if module.partition(".")[0] not in _OURS and "." in module:
        return False
    file = _file(module)
    return file.is_file() and (module.partition(".")[0] in _OURS or file.parent == folder)


@cache
def _file(module: str) -> Path:
    """Where its source is or, if it was never imported, would be; an empty path if nowhere."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        return Path(getattr(loaded, "__file__", None) or "")
    package, _, name = module.rpartition(".")
    inside = _file(package).parent if package else Path()
    return inside / f"{name}.py" if package else Path()


@cache
def _imported(source: Path, module: str) -> tuple[str, ...]:
    """The modules that a source imports where it is loaded, and what may be one."""
    return tuple(_names(_content(source).decode(), _package(source, module)))


def _names(text: str, package: str) -> Iterator[str]:
    for found in _IMPORT.finditer(text):
        if modules := found["modules"]:
            yield from (one["name"] for one in _NAME.finditer(modules))
            continue
        origin = resolve_name(found["package"], package)
        yield origin
        yield from (f"{origin}.{one['name']}" for one in _NAME.finditer(found["names"]))


def _package(source: Path, module: str) -> str:
    return module if source.name == "__init__.py" else module.rpartition(".")[0]


@cache
def _content(source: Path) -> bytes:
    return source.read_bytes()
