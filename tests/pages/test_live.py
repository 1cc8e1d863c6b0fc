"""What is being recorded appears without a reload; zooming stops following and says so."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import dashboard_over, eventually, query_of, settled, simulate, wait_until_drawn
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]

NEWEST = "parseFloat(document.getElementById('age').textContent.replace(/[^0-9.]/g, ''))"
PICTURES = "[...document.querySelectorAll('#map image')].map(each => each.getAttribute('href'))"


@pytest.fixture
def live_dashboard(tmp_path: Path) -> Iterator[str]:
    """A dashboard that was opened before the first recording."""
    database = tmp_path / "live.db"
    with dashboard_over(database) as dashboard:
        simulator = simulate(database, "--live", "--speed", "4")
        try:
            yield dashboard.url
        finally:
            simulator.terminate()
            simulator.wait()


def test_live_guest(live_dashboard: str, open_page: OpenPage) -> None:
    page = open_page(live_dashboard)
    page.get_by_role("link", name="demo-cvm").click()
    wait_until_drawn(page)
    follow = page.locator("#follow")
    expect(follow).to_have_text("● following")
    expect(page.locator(".badge.live")).to_be_visible()

    newest = page.evaluate(NEWEST)
    pictures = page.evaluate(PICTURES)
    eventually(page, lambda: page.evaluate(NEWEST) > newest + 2)
    eventually(page, lambda: page.evaluate(PICTURES) != pictures)

    settled(page, lambda: page.keyboard.press("w"))
    expect(follow).to_have_text("○ not following: press l")
    window = query_of(page)
    newest = page.evaluate(NEWEST)
    eventually(page, lambda: page.evaluate(NEWEST) > newest + 2)
    assert query_of(page) == window

    settled(page, lambda: page.keyboard.press("l"))
    expect(follow).to_have_text("● following")
    eventually(page, lambda: int(query_of(page)["to"]) > int(window["to"]))
