"""Building gmemscope, and installing it outside the checkout."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_FROM = (
    *("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE"),
    *("app", "collector", "templates", "static", "docs/examples", "scripts"),
    *("package.json", "package-lock.json"),
)
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{}(sys.argv[1]))"
TOPS = ("app", "collector")
LOOPS = "app/compiled/__pycache__"
WITHOUT_NPM = {"PATH": "/usr/bin/does-not-exist"}


@dataclass(frozen=True)
class Installation:
    """An environment with gmemscope; what it depends on is that of the tests."""

    environment: Path
    home: Path

    @property
    def command(self) -> Path:
        return self.environment / "bin" / "gmemscope"

    @property
    def packages(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found

    def variables(self) -> dict[str, str]:
        ours = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data")}
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | ours

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.command, *arguments],
            cwd=self.home,
            env=self.variables(),
            capture_output=True,
            text=True,
        )


def build(what: str, source: Path, into: Path) -> Path:
    """A wheel or an sdist, where neither npm nor a network is asked."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(what), str(into)],
        cwd=source,
        env=os.environ | WITHOUT_NPM,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return into / done.stdout.split()[-1]


def checkout(folder: Path) -> Path:
    """What a distribution is built from, without what was built or compiled before."""
    unwanted = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
    for name in BUILT_FROM:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=unwanted)
        else:
            shutil.copy(source, target)
    return folder


def install(wheel: Path, folder: Path) -> Installation:
    made = Installation(folder / "environment", folder / "home")
    made.home.mkdir()
    venv.create(made.environment, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(made.environment / "bin" / "python")]
    quietly = ("--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", *quietly, wheel], check=True)
    # A folder named in a .pth file brings its packages, but not what its own .pth files bring:
    # the checkout stays out.
    (made.packages / "dependencies.pth").write_text(f"{site_packages()}\n")
    take_compiled_along(made.packages)
    return made


def site_packages() -> Path:
    return Path(pytest.__file__).parents[1]


def take_compiled_along(packages: Path) -> None:
    """Compiled loops are kept by what their sources say, and these are the same; within that, in a
    folder for each package, which numba names by where the package lies."""
    rooms = {one.parent.relative_to(ROOT) for top in TOPS for one in (ROOT / top).rglob("*.py")}
    for kept in (ROOT / LOOPS).glob("loops-*"):
        for room in rooms:
            if (compiled := kept / name_by_place(ROOT / room)).is_dir():
                target = packages / LOOPS / kept.name / name_by_place(packages / room)
                shutil.copytree(compiled, target)


def name_by_place(package: Path) -> str:
    return (
        f"{package.name}_{hashlib.sha1(str(package).encode(), usedforsecurity=False).hexdigest()}"
    )
