"""Light and dark, wide and narrow."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import Dashboard, settled, wait_until_drawn

OpenPage = Callable[..., Page]

NARROW = {"width": 390, "height": 844}
LIGHT_GROUND = "rgb(255, 255, 255)"
DARK_GROUND = "rgb(20, 22, 27)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def expect_ground(page: Page, colour: str) -> None:
    expect(page.locator("body")).to_have_css("background-color", colour)


def test_theme_follows_the_system(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(dashboard.url, color_scheme="dark")
    expect_ground(page, DARK_GROUND)
    page.emulate_media(color_scheme="light")
    expect_ground(page, LIGHT_GROUND)


def test_chosen_theme_is_remembered_and_the_map_is_asked_for_in_it(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1", color_scheme="light")
    wait_until_drawn(page)
    with page.expect_request(lambda request: "theme=dark" in request.url):
        settled(page, lambda: page.get_by_role("button", name="Dark theme").click())
    expect_ground(page, DARK_GROUND)
    page.reload()
    expect_ground(page, DARK_GROUND)
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("path", ["/", "/vms/1", "/recordings/1", "/vms/999"])
def test_narrow_screens_need_no_sideways_scrolling(
    open_page: OpenPage, dashboard: Dashboard, complaints: list[str], path: str
) -> None:
    page = open_page(dashboard.url + path, viewport=NARROW)
    if path == "/vms/1":
        wait_until_drawn(page)
    assert page.evaluate(OVERFLOW) == 0
    if path == "/vms/999":
        complaints.clear()  # the 404 itself is on the console


def test_every_control_has_a_name(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/vms/1")
    wait_until_drawn(page)
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, [tabindex=\"0\"]')].filter(each =>"
        " !each.textContent.trim() && !each.ariaLabel && !each.labels?.length"
        " && !each.getAttribute('aria-labelledby')).map(each => each.outerHTML)"
    )
    assert nameless == []


def test_label_that_is_cut_ends_in_an_ellipsis(explorer: Callable[..., Page]) -> None:
    page = explorer(viewport=NARROW)
    cut = page.evaluate(
        "[...document.querySelectorAll('.memslot-bar')]"
        ".filter(bar => bar.scrollWidth > bar.clientWidth)"
        ".map(bar => getComputedStyle(bar).textOverflow)"
    )
    assert set(cut) == {"ellipsis"}


def test_separators_of_the_trail_are_no_part_of_links(explorer: Callable[..., Page]) -> None:
    before = "getComputedStyle(document.querySelector('.trail a'), '::before').display"
    assert explorer().evaluate(before) == "inline-block"
