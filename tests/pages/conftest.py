"""The dashboard over a simulated guest, in a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browsing import (
    OPENED,
    PATIENCE_S,
    Complaints,
    Dashboard,
    dashboard_over,
    launch_chromium,
    simulate,
    wait_until_drawn,
)
from tests.tabs import Tabs

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
    with sync_playwright() as playwright:
        launched = launch_chromium(playwright)
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test if the console shows an error: violations of the CSP are among them."""
    heard = Complaints()
    yield heard
    assert heard == []


@pytest.fixture(scope="package")
def tabs(browser: Browser) -> Tabs:
    return Tabs(browser)


@pytest.fixture
def open_page(tabs: Tabs, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """Open an address; with options of a browser context, among the pages that have them."""

    def open_address(url: str, **options: object) -> Page:
        page = tabs.take(complaints, options)
        OPENED.append(page)
        page.goto(url)
        return page

    yield open_address
    OPENED.clear()
    tabs.leave()


@pytest.fixture
def explorer(open_page: Callable[..., Page], dashboard: Dashboard) -> Callable[..., Page]:
    """Open VM 1 and wait until its first map is there."""

    def open_explorer(query: str = "", **options: object) -> Page:
        page = open_page(f"{dashboard.url}/vms/1{query}", **options)
        wait_until_drawn(page)
        return page

    return open_explorer
