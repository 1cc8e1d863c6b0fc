"""Compiled code is taken again only while everything that it was made from is as it was."""

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import app.commands.warm  # noqa: F401 -- with what it imports, most compiled functions
from app.model import feeding
from app.model.jit import Hot

ROOT = Path(__file__).parents[2]


def project(folder: Path) -> None:
    """A copy of what compiles, and a compiled function that other packages feed."""
    shutil.copytree(ROOT / "app" / "model", folder / "app" / "model", ignore=ignored)
    for package in ("app", "app/store", "collector", "collector/text"):
        (folder / package).mkdir(exist_ok=True)
        (folder / package / "__init__.py").touch()
    (folder / "collector" / "text" / "whole.py").write_text(
        "from app.model.jit import hot_in_place\n"
        "from app.store.part import (\n    of as part_of,\n)\n"
        "from collector.kinds import SHARED\n"
        "@hot_in_place\ndef answer(x):\n    return part_of(x) + SHARED\n"
    )
    write_part(folder, "ADDED")
    write(folder, "app/store/numbers.py", "ADDED = 10")
    write(folder, "collector/kinds.py", "SHARED = 1")


def ignored(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text + "\n")


def write_part(folder: Path, added: str) -> None:
    write(
        folder,
        "app/store/part.py",
        "from app.model.jit import hot_part\nfrom app.store.numbers import ADDED\n"
        f"@hot_part\ndef of(x):\n    return x + {added}",
    )


def answer(folder: Path) -> tuple[int, bool]:
    """What the function says in a new process, and whether numba was needed for it."""
    script = (
        "import sys\nfrom collector.text.whole import answer\n"
        "print(answer(100), 'numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    number, compiled = done.stdout.split()
    return int(number), compiled == "True"


def test_a_change_in_another_package_compiles_anew(tmp_path: Path) -> None:
    project(tmp_path)
    assert answer(tmp_path) == (111, True)
    assert answer(tmp_path) == (111, False)
    write_part(tmp_path, "2 * ADDED")
    assert answer(tmp_path) == (121, True)
    write(tmp_path, "app/store/numbers.py", "ADDED = 30")
    assert answer(tmp_path) == (161, True)
    write(tmp_path, "collector/kinds.py", "SHARED = 0")
    assert answer(tmp_path) == (160, True)


def test_a_change_elsewhere_does_not(tmp_path: Path) -> None:
    project(tmp_path)
    assert answer(tmp_path) == (111, True)
    write(tmp_path, "collector/others.py", "SHARED = 7")
    assert answer(tmp_path) == (111, False)


def hot_modules() -> list[str]:
    """Of the whole project, by its text: also those that nothing has imported yet."""
    return [
        ".".join(source.relative_to(ROOT).with_suffix("").parts)
        for package in ("app", "collector")
        for source in sorted((ROOT / package).rglob("*.py"))
        if "@hot_" in source.read_text()
    ]


def test_whatever_a_compiled_function_names_feeds_it() -> None:
    named = 0
    for name in hot_modules():
        module = __import__(name, fromlist=["*"])
        sources = feeding.sources_of(name)
        hot = [one for one in vars(module).values() if isinstance(one, Hot)]
        for function in (one.function for one in hot if one.__module__ == name):
            for known in inspect.getclosurevars(function).globals.values():
                origin = getattr(known, "__module__", None)
                if isinstance(origin, str) and origin.split(".")[0] in ("app", "collector"):
                    named += 1
                    assert Path(inspect.getfile(sys.modules[origin])) in sources
    assert named > 50
