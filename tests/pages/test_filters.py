"""Filters of events: a bar that the URL holds, for the table and for what is counted over time."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.browsing import Dashboard, eventually, query_of, settled, wait_until_drawn

Explorer = Callable[..., Page]
NARROW = {"width": 390, "height": 844}


def shown_in(page: Page, column: int) -> set[str]:
    return set(page.locator(f"#events-body td:nth-child({column})").all_text_contents())


def asked(page: Page, resource: str, act: Callable[[], Any]) -> dict[str, str]:
    """The last question about a resource that an act leads to, by parameter."""
    heard: list[str] = []

    def hear(request: Request) -> None:
        is_instant = request.url.endswith("&buckets=1")  # that of the strip's totals
        if f"/{resource}?" in request.url and not is_instant:
            heard.append(request.url)

    page.on("request", hear)  # not answers: one to what was asked before may still come
    settled(page, act)
    eventually(page, lambda: bool(heard))
    wait_until_drawn(page)
    page.remove_listener("request", hear)
    query: dict[str, str] = page.evaluate(
        "url => Object.fromEntries(new URL(url).searchParams)", heard[-1]
    )
    return query


def test_a_link_with_filters_shows_what_they_leave(explorer: Explorer) -> None:
    page = explorer("?direction=private&outcome=applied&vcpu=1&vcpu=3&kind=conversion")
    expect(page.locator("#events-caption")).to_have_text(
        "First 100 in view: conversion, applied, to private, vCPU 1 or vCPU 3"
    )
    assert shown_in(page, 2) == {"to private"}
    assert shown_in(page, 5) == {"applied"}
    assert shown_in(page, 7) <= {"1", "3"}
    bar = page.get_by_role("search", name="Which events")
    expect(bar.get_by_label("direction")).to_have_value("private")
    expect(bar.get_by_label("vCPU")).to_have_value("1, 3")
    expect(page.locator("#timeline-counted")).to_contain_text("to private, vCPU 1 or vCPU 3")
    expect(page.locator("#filters-note")).to_contain_text("the map and the states show everything")
    expect(page.locator("#filters-note")).to_contain_text("Events that were lost may match")


def test_the_bar_filters_and_can_be_cleared(explorer: Explorer) -> None:
    page = explorer()
    clear = page.get_by_role("button", name="clear filters")
    expect(clear).to_be_hidden()
    counted = asked(page, "timeline", lambda: page.get_by_label("outcome").select_option("failed"))
    assert counted["outcome"] == "failed"
    assert query_of(page) == {"outcome": "failed"}
    assert {text.split()[0] for text in shown_in(page, 5)} == {"failed"}

    errno = page.get_by_label("errno")
    errno.fill("EWHAT!")
    errno.press("Enter")
    said = errno.evaluate("box => box.validationMessage")
    assert said == "An errno by name or number, or several: EAGAIN, 22."
    errno.fill("EINVAL")
    settled(page, lambda: errno.press("Enter"))
    assert shown_in(page, 5) == {"failed EINVAL"}
    page.reload()
    expect(page.get_by_label("errno")).to_have_value("EINVAL")
    expect(page.locator("#events-caption")).to_contain_text("in view: failed, EINVAL")

    settled(page, lambda: clear.click())
    assert query_of(page) == {}
    expect(clear).to_be_hidden()
    expect(page.get_by_label("errno")).to_have_value("")
    expect(page.locator("#timeline-counted")).to_have_text("")


def test_a_memslot_means_its_range_while_it_is_there(explorer: Explorer) -> None:
    page = explorer()
    choice = page.get_by_role("search", name="Which events").get_by_label("memslot")
    assert "6 (mixed)" in choice.locator("option").all_text_contents()
    settled(page, lambda: choice.select_option("6"))
    first = page.locator("#events-body td.address").first
    expect(first).to_contain_text("0x4_8")
    assert all(
        text.startswith(("0x4_8", "0x4_9", "0x4_a", "0x4_b", "0x4_c", "0x4_d", "0x4_e", "0x4_f"))
        for text in page.locator("#events-body td.address").all_text_contents()
    )


def test_what_no_memslot_is_is_refused(explorer: Explorer, complaints: list[str]) -> None:
    page = explorer()
    page.goto(page.url + "?memslot=77")
    expect(page.get_by_role("alert")).to_contain_text("this VM had no memslot 77; it had 0, 1")
    eventually(page, lambda: len(complaints) == 2)  # Chromium: of both answers, 422
    complaints.clear()


def test_nonsense_and_several_values_in_a_link(explorer: Explorer) -> None:
    page = explorer("?cause=luck&tid=-4&outcome=failed&outcome=unconfirmed&kind=unmap")
    assert query_of(page) == {"kind": "unmap", "outcome": "unconfirmed"}
    assert page.url.count("outcome=") == 2
    shown = page.get_by_label("outcome").evaluate("each => each.selectedOptions[0].text")
    assert shown == "failed or unconfirmed"


def test_an_e_leads_to_the_bar(explorer: Explorer) -> None:
    page = explorer()
    page.keyboard.press("e")
    expect(page.get_by_label("kind", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("direction")).to_be_focused()
    settled(page, lambda: page.keyboard.press("t"))  # "to private"
    assert query_of(page) == {"direction": "private"}


def test_a_narrow_page_has_room_for_the_bar(explorer: Explorer) -> None:
    page = explorer("?outcome=failed", viewport=NARROW)
    bar = page.get_by_role("search", name="Which events")
    for label in ("kind", "outcome", "memslot", "thread"):
        box = bar.get_by_label(label, exact=True).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_a_value_of_a_storm_leads_to_its_calls(
    open_page: Callable[..., Page], dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms")
    page.get_by_role("link", name=re.compile("^c\\d+$")).first.click()
    page.get_by_role("region", name="By direction").get_by_role("link", name="to shared").click()
    wait_until_drawn(page)
    query = query_of(page)
    assert (query["kind"], query["direction"]) == ("conversion", "shared")
    assert shown_in(page, 2) == {"to shared"}
    expect(page.locator("#timeline-counted")).to_have_text(
        "counted: conversion, to shared. Bytes are of the whole VM."
    )
