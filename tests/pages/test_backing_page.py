"""The page of what backs a VM's memory."""

from collections.abc import Callable

from browsing import Dashboard
from playwright.sync_api import Page, expect


def test_it_says_what_may_lie_twice(open_page: Callable[..., Page], dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/vms/1/backing")
    expect(page.get_by_text("still had, or may have had, a private page behind it")).to_be_visible()
    expect(page.get_by_role("row", name="shared, private half left over")).to_be_visible()
    answer = page.request.get(f"{dashboard.url}/api/v1/vms/1/backing").json()
    assert len(answer["points"]) == 60
