"""A change of the view asks the server only for what depends on what has changed."""

import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import eventually, wait_until_drawn

Explorer = Callable[..., Page]

WINDOW = "?from=14000000000&to=20000000000"
CURSOR = f"{WINDOW}&t=16000000000&gpa=0x120000000"
VM = "/api/v1/vms/1/"
QUIET_MS = 700
"""Longer than the page waits before it asks."""


@pytest.fixture
def asked(explorer: Explorer) -> Callable[..., Counter[str]]:
    """What of the VM is asked for by an act on a page that has settled."""

    def asked_by(act: Callable[[Page], object], query: str = WINDOW) -> Counter[str]:
        page = explorer(query)
        if "gpa=" in query:
            expect(page.locator("#inspector")).to_contain_text("page history")
        page.wait_for_timeout(QUIET_MS)
        resources: Counter[str] = Counter()
        page.on("request", lambda request: resources.update(resources_in(request.url)))
        act(page)
        page.wait_for_timeout(QUIET_MS)
        wait_until_drawn(page)
        return resources

    return asked_by


def resources_in(url: str) -> list[str]:
    """Of a question about one column of the map, or about one bucket, that it is one."""
    path = urlparse(url)
    if not path.path.startswith(VM):
        return []
    name = path.path.removeprefix(VM)
    is_one = {"width=1", "buckets=1"} & set(path.query.split("&"))
    return [f"{name}, one column" if is_one else name]


def press(*keys: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return act


def test_a_marker_asks_for_nothing(asked: Callable[..., Counter[str]]) -> None:
    assert asked(press("A", "B")) == Counter()
    assert asked(press("A"), CURSOR) == Counter()


def test_another_measure_asks_for_the_map_alone(asked: Callable[..., Counter[str]]) -> None:
    def choose(page: Page) -> None:
        page.locator(".measure").get_by_text("page faults").click()

    assert asked(choose) == {"raster": 1, "raster.png": 1}


def test_the_cursor_asks_for_what_is_under_it(asked: Callable[..., Counter[str]]) -> None:
    def click(page: Page) -> None:
        page.locator("#map-overlay").click(position={"x": 300, "y": 60})

    found = asked(click)
    column = {"raster, one column", "raster.png, one column", "timeline, one column"}
    under_it = {"events", "raster/cell", "state"}
    assert set(found) == column | under_it
    assert [found[name] for name in column] == [1, 1, 1]


def test_a_filter_asks_for_events_and_their_counts(asked: Callable[..., Counter[str]]) -> None:
    def choose(page: Page) -> None:
        page.get_by_label("direction").select_option("private")

    assert asked(choose) == {"events": 1, "timeline": 1}


def test_another_window_asks_for_all_that_is_in_it(asked: Callable[..., Counter[str]]) -> None:
    found = asked(press("s"))
    assert {"raster", "raster.png", "timeline", "events"} <= set(found)


def test_another_theme_asks_for_pictures_alone(asked: Callable[..., Counter[str]]) -> None:
    def toggle(page: Page) -> None:
        page.locator("#theme-toggle").click()

    found = asked(toggle)
    assert set(found) == {
        "raster",
        "raster.png",
        "raster, one column",
        "raster.png, one column",
        "timeline, one column",
    }


def test_links_of_the_table_follow_what_is_not_asked_for(explorer: Explorer) -> None:
    page = explorer(WINDOW)
    link = page.locator("#events-body a[data-t]").first
    page.keyboard.press("A")
    expect(link).to_have_attribute("href", re.compile(r"[?&]a=\d"))
    page.keyboard.press("m")
    expect(link).to_have_attribute("href", re.compile("measure=conversions"))


def test_colours_of_the_timeline_follow_the_theme(explorer: Explorer) -> None:
    page = explorer(WINDOW)
    zero = page.locator("#timeline .zl").first
    light = zero.evaluate("line => line.style.stroke")
    page.locator("#theme-toggle").click()
    eventually(page, lambda: zero.evaluate("line => line.style.stroke") != light)
