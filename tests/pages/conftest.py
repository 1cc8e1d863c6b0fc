"""The dashboard over a simulated guest, in a real Chromium."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browsing import (
    CHROMIUM_ARGUMENTS,
    OPENED,
    PATIENCE_S,
    Complaints,
    Dashboard,
    dashboard_over,
    simulate,
    wait_until_drawn,
)

WIDE = {"width": 1440, "height": 900}

expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="session")
def simulated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One VM (id 1) of the default scenario: boots, storms, loses events."""
    path = tmp_path_factory.mktemp("pages") / "simulated.db"
    assert simulate(path).wait() == 0
    return path


@pytest.fixture(scope="session")
def dashboard(simulated_database: Path) -> Iterator[Dashboard]:
    with dashboard_over(simulated_database) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test if the console shows an error: violations of the CSP are among them."""
    heard = Complaints()
    yield heard
    assert heard == []


@pytest.fixture(scope="package")
def context(browser: Browser) -> BrowserContext:
    """Wide and light, with a warm cache: what most tests need."""
    return new_context(browser)


@pytest.fixture
def open_page(
    browser: Browser, context: BrowserContext, complaints: Complaints
) -> Iterator[Callable[..., Page]]:
    """Open an address; with options of a browser context, in a browser of its own."""
    opened: list[Page | BrowserContext] = []

    def open_address(url: str, **options: object) -> Page:
        where = new_context(browser, **options) if options else context
        page = where.new_page()
        OPENED.append(page)
        opened.append(where if options else page)
        complaints.listen_to(page)
        page.goto(url)
        return page

    yield open_address
    OPENED.clear()
    for one in opened:
        one.close()


def new_context(browser: Browser, **options: Any) -> BrowserContext:  # noqa: ANN401 -- Playwright's
    context = browser.new_context(**{"viewport": WIDE, "color_scheme": "light", **options})
    context.set_default_timeout(PATIENCE_S * 1000)
    return context


@pytest.fixture
def explorer(open_page: Callable[..., Page], dashboard: Dashboard) -> Callable[..., Page]:
    """Open VM 1 and wait until its first map is there."""

    def open_explorer(query: str = "", **options: object) -> Page:
        page = open_page(f"{dashboard.url}/vms/1{query}", **options)
        wait_until_drawn(page)
        return page

    return open_explorer
