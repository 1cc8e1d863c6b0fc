"""No page violates WCAG 2 A or AA as far as axe-core can tell: light, dark, wide and narrow."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page
from pydantic import SecretStr
from typer.testing import CliRunner

from app import cli
from app.settings import Settings
from tests.browsing import Dashboard, dashboard_over, simulate, wait_until_drawn

OpenPage = Callable[..., Page]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
RUN = "options => axe.run(document, options)"
WIDTHS = (1440, 390)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

PAGES = {
    "home": "/",
    "recording": "/recordings/1",
    "delete": "/recordings/1/delete",
    "coverage": "/recordings/1/coverage",
    "explorer": "/vms/1",
    "explorer in a storm": "/vms/1?from=15000000000&to=24000000000&t=16000000000"
    "&gpa=0x373200000&a=15000000000&b=20000000000&outcome=failed",
    "explorer with nothing in view": "/vms/1?from=1&to=1000",
    "storms": "/vms/1/storms",
    "no storm": "/vms/1/storms?min_calls=1000000",
    "storm": "/vms/1/storms/1",
    "stretch": "/vms/1/stretch?from=0&to=3000000000",
    "backing": "/vms/1/backing",
    "diff": "/diff?vm=1&at=15000000000&at_b=24000000000",
    "history": "/vms/1/pages/0x373200000",
    "import": "/import",
    "error": "/vms/99",
}


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: scripts/assets --dev")
    return AXE.read_text()


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds in each theme and at each width, with the elements."""
    found = []
    page.evaluate(axe)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(50)
            answer: dict[str, Any] = page.evaluate(
                RUN, {"runOnly": RULES, "resultTypes": ["violations"]}
            )
            found += [
                f"{theme}, {width} px: {one['id']}: {node['target']}: {node['failureSummary']}"
                for one in answer["violations"]
                for node in one["nodes"]
            ]
    return found


def settle(page: Page) -> None:
    if page.locator("#explorer").count():
        wait_until_drawn(page)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(
    name: str, open_page: OpenPage, dashboard: Dashboard, complaints: list[str], axe: str
) -> None:
    page = open_page(dashboard.url + PAGES[name], viewport={"width": 1440, "height": 900})
    settle(page)
    assert violations(page, axe) == []
    if name == "error":
        complaints.clear()  # Chromium complains of the 404


def test_a_report_is_accessible(
    open_page: OpenPage, simulated_database: Path, tmp_path: Path, axe: str
) -> None:
    path = tmp_path / "report.html"
    arguments = ["report", "1", "-o", str(path), "--database", str(simulated_database)]
    assert CliRunner().invoke(cli.app, [*arguments, "--storm", "1"]).exit_code == 0
    page = open_page(path.as_uri(), viewport={"width": 1440, "height": 900})
    page.wait_for_selector(".plot .main-svg")
    assert violations(page, axe) == []


@pytest.mark.parametrize("token", [None, "a-token-of-something-else"])
def test_the_login_is_accessible(
    token: str | None,
    open_page: OpenPage,
    simulated_database: Path,
    complaints: list[str],
    axe: str,
) -> None:
    settings = Settings(
        database_url=str(simulated_database), token=SecretStr("correct-horse-battery-staple")
    )
    with dashboard_over(simulated_database, settings) as running:
        page = open_page(running.url, viewport={"width": 1440, "height": 900})
        if token is not None:
            page.get_by_label("Token").fill(token)
            page.keyboard.press("Enter")
            page.get_by_role("alert").wait_for()
        assert violations(page, axe) == []
        complaints.clear()  # Chromium complains of the 401
        page.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Dashboard]:
    with dashboard_over(tmp_path / "empty.db") as running:
        yield running


def test_an_empty_home_is_accessible(open_page: OpenPage, empty: Dashboard, axe: str) -> None:
    page = open_page(empty.url, viewport={"width": 1440, "height": 900})
    assert violations(page, axe) == []


def test_a_live_explorer_is_accessible(open_page: OpenPage, tmp_path: Path, axe: str) -> None:
    database = tmp_path / "live.db"
    with dashboard_over(database) as running:
        simulator = simulate(database, "--live", "--speed", "4")
        try:
            page = open_page(running.url, viewport={"width": 1440, "height": 900})
            page.get_by_role("link", name="demo-cvm").click()
            wait_until_drawn(page)
            assert violations(page, axe) == []
            page.close()  # before its server goes, of which it would complain
        finally:
            simulator.kill()
            simulator.wait()
