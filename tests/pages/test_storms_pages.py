"""The pages of storms show what was found, and lead to it."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import Dashboard, wait_until_drawn

OpenPage = Callable[..., Page]


def test_the_list_leads_to_the_storm_and_to_the_map(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms")
    expect(page.get_by_text("events lost in this recording")).to_be_visible()
    expect(page.get_by_text("until the guest was first calm at")).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^c\d+$")).first.click()
    expect(page.get_by_text("asked 30")).to_contain_text("went back and forth 16,000 times")
    expect(page.get_by_text("This recording is simulated")).to_be_visible()
    for name in ("EAGAIN", "EINVAL", "ENOMEM"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.get_by_role("link", name="Show it on the map").click()
    wait_until_drawn(page)


def test_thresholds_can_be_moved(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms")
    page.get_by_label("conversions, at least", exact=True).fill("1000000")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("No stretch of this recording is a storm")).to_be_visible()
    expect(page.get_by_label("conversions, at least", exact=True)).to_have_value("1000000")
    page.get_by_role("link", name="defaults").click()
    expect(page.get_by_role("link", name=re.compile(r"^c\d+$"))).to_have_count(3)


def test_a_burst_below_the_usual_thresholds_can_be_opened(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms?min_calls=500")
    page.get_by_role("link", name=re.compile(r"^c\d+$")).last.click()
    expect(page.get_by_role("heading", name="Who, why, how much at once")).to_be_visible()
    with page.expect_download() as waited:
        page.get_by_role("link", name="Report to send").click()
    assert waited.value.suggested_filename.startswith("vm-1-c")


def test_a_storm_that_is_not_there_is_not_found(
    open_page: OpenPage, dashboard: Dashboard, complaints: list[str]
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms/c1")
    expect(page.get_by_text("has no storm")).to_be_visible()
    complaints.clear()  # Chromium complains of the 404


def test_a_narrow_page_does_not_scroll_sideways(open_page: OpenPage, dashboard: Dashboard) -> None:
    narrow = {"viewport": {"width": 390, "height": 800}}
    page = open_page(f"{dashboard.url}/vms/1/storms/1", **narrow)
    expect(page.get_by_role("heading", name="Ping-pong")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
