"""What a wheel holds besides the packages: templates, styles, scripts, libraries, examples.

They lie beside the packages, and go into one of them. The browser's libraries are npm's; they are
fetched while a distribution is built, where they are not there yet and npm is.
"""

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
LIBRARIES = ROOT / "static" / "vendor"
NAMES = ("plotly.min.js", "htmx.min.js", "hx-sse.min.js")
RESOURCES = {
    "templates": ROOT / "templates",
    "static": ROOT / "static",
    "examples": ROOT / "docs" / "examples",
}


def bring_libraries() -> None:
    """Without npm what is built serves an agent; commands with pages say what they lack."""
    if all((LIBRARIES / name).is_file() for name in NAMES):
        return
    if shutil.which("npm") is None:
        print("gmemscope: npm is not installed, so this is built without what pages need")
        return
    subprocess.run([ROOT / "scripts" / "assets"], check=True)


def files() -> list[tuple[Path, Path]]:
    """Each with its place in the package."""
    return [
        (source, Path("app", "resources", name, source.relative_to(folder)))
        for name, folder in RESOURCES.items()
        for source in sorted(folder.rglob("*"))
        if source.is_file() and not source.name.startswith(".")
    ]


class BuildWithResources(build_py):
    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        bring_libraries()
        shutil.rmtree(self.build_lib, ignore_errors=True)  # with modules of an earlier build
        super().run()
        for source, place in files():
            target = Path(self.build_lib, place)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs + [str(Path(self.build_lib, place)) for _, place in files()]


class SourcesWithLibraries(sdist):
    def run(self) -> None:
        bring_libraries()
        super().run()


setup(cmdclass={"build_py": BuildWithResources, "sdist": SourcesWithLibraries})
