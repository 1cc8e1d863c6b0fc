"""A wheel has all it needs, outside the checkout and without npm or a network."""

import json
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import sync_playwright

from tests.browsing import launch_chromium, wait_until_drawn
from tests.installed.installing import BUILT_FROM, ROOT, Installation

WEB_PARTS = ("fastapi", "jinja2", "pydantic_settings", "starlette", "uvicorn")


def names_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_what_lies_beside_the_packages(wheel: Path) -> None:
    held = names_in(wheel)
    for place, folder in (
        ("templates", ROOT / "templates"),
        ("static", ROOT / "static"),
        ("examples", ROOT / "docs" / "examples"),
    ):
        names = {
            f"app/resources/{place}/{path.relative_to(folder)}"
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
        assert names and names <= held
    assert {
        f"app/resources/static/vendor/{name}" for name in ("plotly.LICENSE", "htmx.LICENSE")
    } <= held


def test_wheel_holds_every_module_and_nothing_of_the_tests(wheel: Path) -> None:
    modules = {
        str(path.relative_to(ROOT))
        for package in ("app", "collector")
        for path in (ROOT / package).rglob("*.py")
    }
    held = {name for name in names_in(wheel) if name.endswith(".py")}
    assert held == modules


def test_version_of_a_tree_without_git_is_that_of_its_sdist_and_its_wheel(
    sdist: Path, wheel: Path, installation: Installation
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version = project["tool"]["setuptools_scm"]["fallback_version"]
    assert sdist.name == f"gmemscope-{version}.tar.gz"
    assert wheel.name == f"gmemscope-{version}-py3-none-any.whl"
    assert installation.run("--version").stdout == f"gmemscope {version}\n"


def test_sdist_holds_what_a_wheel_is_built_from_and_no_more(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    made = {"PKG-INFO", "setup.cfg", "gmemscope.egg-info"}
    assert names - made == {name.split("/")[0] for name in BUILT_FROM} | {"MANIFEST.in"}


@pytest.fixture
def demo(installation: Installation) -> Iterator[str]:
    """The address of a demo that was started in a folder with an unlucky name in it."""
    (installation.home / "app").mkdir(exist_ok=True)
    with subprocess.Popen(
        [installation.command, "demo", "--port", "0"],
        cwd=installation.home,
        env=installation.variables(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_explorer_of_an_installed_demo_is_drawn(demo: str) -> None:
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        page = browser.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda got: complaints.append(got.url) if got.status >= 400 else None)
        page.goto(demo)
        page.locator("a[href^='/vms/1']").first.click()
        wait_until_drawn(page)
        browser.close()
    assert complaints == []


def test_an_example_that_came_along_is_imported_and_reported(installation: Installation) -> None:
    example = installation.packages / "app" / "resources" / "examples" / "convwork.dat"
    imported = installation.run("import", example, "--json")
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["conversions"]["requested"] == 689
    report = installation.home / "report.html"
    done = installation.run("report", "1", "-o", report)
    assert done.returncode == 0, done.stderr
    assert "plotly" in report.read_text()


@pytest.fixture
def agent(installation: Installation, tmp_path: Path) -> Iterator[Installation]:
    """The same, where the extra `web` was not asked for."""
    (absent := installation.packages / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {WEB_PARTS}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent)\n"
    )
    yield installation
    absent.unlink()


@pytest.mark.parametrize("command", [("serve",), ("demo",), ("report", "1", "-o", "x.html")])
def test_without_the_extra_web_commands_say_what_to_install(
    agent: Installation, command: tuple[str, ...]
) -> None:
    if command[0] == "report":
        assert agent.run("simulate", "calm", "--events", "100").returncode == 0
    done = agent.run(*command)
    assert done.returncode == 3
    assert "gmemscope[web]" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_the_rest_works(agent: Installation) -> None:
    for command in (("doctor", "--json"), ("recipe",), ("simulate", "--list"), ("list",)):
        done = agent.run(*command)
        assert "Traceback" not in done.stderr
        assert done.stdout


def test_where_npm_was_missing_pages_say_what_is_missing(
    installation: Installation,
) -> None:
    library = installation.packages / "app/resources/static/vendor/plotly.min.js"
    away = library.rename(library.with_suffix(".away"))
    try:
        done = installation.run("serve", "--port", "0")
    finally:
        away.rename(library)
    assert done.returncode == 3
    assert "plotly.min.js" in done.stderr and "npm" in done.stderr
    assert sys.executable not in done.stderr
