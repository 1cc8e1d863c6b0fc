"""The explorer shows that there are storms, where, and goes from one to the next."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import query_of, settled

Explorer = Callable[..., Page]


def test_storms_are_counted_marked_and_reached_by_keys(explorer: Explorer) -> None:
    page = explorer()
    link = page.locator("#storms")
    expect(link).to_have_text("3 storms")
    band = page.locator("#timeline-overlay .storm")
    expect(band.first).to_have_attribute(
        "title", re.compile(r"^storm c\d+: .* conversions in .* from t\+")
    )
    settled(page, lambda: page.keyboard.press("]"))
    shown = {name: int(value) for name, value in query_of(page).items()}
    assert shown["from"] < shown["t"] < shown["to"]
    expect(band.first).to_be_visible()
    for _ in range(2):
        settled(page, lambda: page.keyboard.press("]"))
    last = query_of(page)
    assert int(last["from"]) > shown["to"]
    page.keyboard.press("]")  # there is no other
    assert query_of(page) == last
    settled(page, lambda: page.keyboard.press("0"))
    settled(page, lambda: page.keyboard.press("Escape"))
    settled(page, lambda: page.keyboard.press("["))
    assert query_of(page) == last
    link.click()
    expect(page).to_have_url(re.compile(r"/vms/1/storms$"))
    page.get_by_role("link", name="demo-cvm").click()
    page.get_by_role("link", name="backing").click()
    expect(page.get_by_role("heading", name="What backs the memory")).to_be_visible()


def test_the_inspector_leads_to_the_life_of_the_page(explorer: Explorer) -> None:
    page = explorer("?t=25000000000&gpa=0x110000000")
    page.get_by_role("link", name="life of this page").click()
    expect(page).to_have_url(re.compile("/vms/1/pages/0x110000000$"))
    expect(page.get_by_role("heading", name="The life of page")).to_be_visible()
