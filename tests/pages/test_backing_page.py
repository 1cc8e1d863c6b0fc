"""The page of what backs a VM's memory."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.pages import _backing as backing
from tests.browsing import Dashboard, dashboard_over


def test_it_shows_what_may_lie_twice(open_page: Callable[..., Page], dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/vms/1/backing")
    expect(page.get_by_text("still had, or may have had, a private page behind it")).to_be_visible()
    expect(page.get_by_role("row", name="shared, private half left over")).to_be_visible()
    answer = page.request.get(f"{dashboard.url}/api/v1/vms/1/backing").json()
    assert len(answer["points"]) == 60


def test_of_many_events_the_page_comes_first_and_the_accounts_follow(
    open_page: Callable[..., Page], simulated_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing, "QUICK_EVENTS", 0)
    with dashboard_over(simulated_database) as dashboard:
        address = f"{dashboard.url}/vms/1/backing"
        page = open_page("about:blank")
        first = page.request.get(address).text()
        assert "events are being followed" in first
        assert "guest_memfd pages that exist" not in first
        page.goto(address)
        expect(page.get_by_role("row", name="guest_memfd pages that exist")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect(page.get_by_text("events are being followed")).to_have_count(0)
        again = page.request.get(address).text()
        assert "guest_memfd pages that exist" in again  # what was counted is kept
        page.close()
