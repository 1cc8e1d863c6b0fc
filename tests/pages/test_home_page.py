"""The first page lists what there is, or says how to get something."""

import re
from collections.abc import Callable
from pathlib import Path

from browsing import Dashboard, dashboard_over, simulate
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]


def test_vm_has_a_row_with_its_memory_and_what_needs_a_look(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page(dashboard.url)
    row = page.get_by_role("row").filter(has_text="demo-cvm")
    expect(row).to_contain_text("simulated")
    expect(row).to_contain_text("events lost")
    expect(row).to_contain_text("failed conversions")
    assert row.locator(".strip rect").count() > 2
    assert len(row.locator(".spark .to-private").get_attribute("d") or "") > 20


def test_row_leads_to_the_explorer(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(dashboard.url)
    page.get_by_role("link", name="demo-cvm").click()
    expect(page).to_have_url(re.compile(r"/vms/1$"))


def test_empty_database_shows_three_ways_in_until_something_arrives(
    open_page: OpenPage, tmp_path: Path
) -> None:
    database = tmp_path / "empty.db"
    with dashboard_over(database) as dashboard:
        page = open_page(dashboard.url)
        expect(page.get_by_role("heading", level=3)).to_have_text(["Simulate", "Import", "Record"])
        expect(page.locator("code").first).to_have_text("gmemscope simulate")
        assert simulate(database, "--events", "100").wait() == 0
        expect(page.get_by_role("link", name="demo-cvm")).to_be_visible()
