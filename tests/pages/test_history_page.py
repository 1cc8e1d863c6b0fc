"""Pages that compare two moments and show the life of a page."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import Dashboard, wait_until_drawn


def test_a_diff_leads_to_the_life_of_a_page(
    open_page: Callable[..., Page], dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/diff?vm=1&at=15000000000&at_b=20000000000")
    expect(page.get_by_text("private in A, shared in B")).to_be_visible()
    between = page.get_by_role("region", name="The events between")
    expect(between.get_by_role("row")).to_have_count(51)
    expect(page.get_by_text("conversions to shared")).to_be_visible()
    page.get_by_role("link", name="B against A").click()
    expect(between.get_by_role("row")).to_have_count(51)
    expect(page.get_by_text("shared in A, private in B")).to_be_visible()
    page.get_by_role("link", name="its events").first.click()
    expect(page.get_by_role("heading", name="The life of page")).to_be_visible()
    page.get_by_role("cell").get_by_role("link").first.click()
    wait_until_drawn(page)


def test_what_cannot_be_compared_is_named(
    open_page: Callable[..., Page], dashboard: Dashboard, complaints: list[str]
) -> None:
    page = open_page(f"{dashboard.url}/diff?vm=99")
    expect(page.get_by_text("There is no VM 99")).to_be_visible()
    page.goto(f"{dashboard.url}/vms/1/pages/nowhere")
    expect(page.get_by_text("is no address")).to_be_visible()
    complaints.clear()  # Chromium complains of the 404
