"""The life of pages in a row: from a brushed selection, an event, a storm, a diff."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import Dashboard, query_of, wait_until_drawn

Explorer = Callable[..., Page]
SELECTED = "?from=16000000000&to=17000000000&gpa_from=0x372000000&gpa_to=0x374000000"


def test_a_selection_leads_to_the_life_of_its_pages_and_back(explorer: Explorer) -> None:
    page = explorer()
    life = page.get_by_role("link", name="life of the shown addresses")
    expect(life).to_be_hidden()
    page = explorer(SELECTED)
    page.get_by_role("link", name="life of the shown addresses").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("The life of pages 0x3_7200_0000 to 0x3_7400_0000")
    expect(page.locator(".headline")).to_contain_text("32.0 MiB, from t+16.000")
    times = page.locator("td .time").all_text_contents()
    assert len(times) >= 200
    assert {t[:5] for t in times} == {"t+16."}
    page.get_by_role("link", name="on the map").click()
    wait_until_drawn(page)
    assert "?" + "&".join(f"{n}={v}" for n, v in sorted(query_of(page).items())) == "?" + "&".join(
        sorted(SELECTED[1:].split("&"))
    )


def test_an_address_in_the_table_leads_to_its_pages(explorer: Explorer) -> None:
    page = explorer("?kind=conversion&size=above_2m")
    link = page.locator("#events-body td.address a").first
    gpa = link.text_content() or ""
    expect(link).to_have_attribute("tabindex", "-1")
    link.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"The life of pages {gpa} to 0x")
    expect(page.get_by_role("columnheader", name="pages changed")).to_be_visible()
    page.get_by_role("cell").get_by_role("link").first.click()
    wait_until_drawn(page)
    assert query_of(page).keys() >= {"t", "gpa", "gpa_from", "gpa_to"}


def test_a_storm_leads_to_the_pages_that_went_back_and_forth(
    open_page: Callable[..., Page], dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms")
    page.get_by_role("link", name=re.compile("^c\\d+$")).first.click()
    section = page.get_by_role("region", name="Ping-pong")
    row = section.get_by_role("row").nth(2)
    npages = row.get_by_role("cell").nth(0).text_content() or ""
    row.get_by_role("rowheader").get_by_role("link").click()
    expect(page.locator(".headline")).to_contain_text(f"{npages} pages")
    page.get_by_role("link", name="the events after these").click()
    expect(page.get_by_role("link", name="from the beginning")).to_be_visible()
    assert "gpa_to=" in page.url


def test_what_is_no_range_is_refused(
    open_page: Callable[..., Page], dashboard: Dashboard, complaints: list[str]
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/pages/0x2000?gpa_to=0x1000")
    expect(page.get_by_text("gpa_to=0x1000 is not above 0x2000")).to_be_visible()
    page.goto(f"{dashboard.url}/vms/1/pages/0x2000?gpa_to=up")
    expect(page.get_by_text("gpa_to: 'up' is no address")).to_be_visible()
    page.goto(f"{dashboard.url}/vms/1/pages/0xff000000?gpa_to=0xff002000&from=0&to=9")
    expect(page.get_by_text("touched these pages")).to_be_visible()
    complaints.clear()  # Chromium complains of the 404
