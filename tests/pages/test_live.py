"""What is being recorded appears without a reload; what no longer comes is marked, with its age."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import (
    Complaints,
    dashboard_over,
    eventually,
    query_of,
    settled,
    simulate,
    wait_until_drawn,
)
from tests.cutting_proxy import link_to
from tests.forking import Forked

OpenPage = Callable[..., Page]

LATE_ANSWER = "document.getElementById('banner').hidden = true"
"""What an answer does that was on its way when the server went."""
NEWEST = "parseFloat(document.getElementById('age').textContent.split('t+')[1])"
PICTURES = "[...document.querySelectorAll('#map image')].map(each => each.getAttribute('href'))"


SILENT = re.compile(r"last data (\d+) s ago")


class Live(NamedTuple):
    url: str
    simulator: Forked


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A dashboard that was opened before the first recording."""
    database = tmp_path / "live.db"
    with dashboard_over(database) as dashboard:
        simulator = simulate(database, "--live", "--speed", "4")
        try:
            yield Live(dashboard.url, simulator)
        finally:
            simulator.kill()
            simulator.wait()


def open_live_vm(open_page: OpenPage, url: str) -> Page:
    page = open_page(url)
    page.get_by_role("link", name="demo-cvm").click()
    wait_until_drawn(page)
    return page


def silent_s(page: Page) -> int:
    """For how long nothing has come, as the page shows it."""
    found = SILENT.search(page.locator("#age").inner_text())
    assert found is not None
    return int(found.group(1))


def grows(page: Page) -> None:
    newest = page.evaluate(NEWEST)
    eventually(page, lambda: page.evaluate(NEWEST) > newest + 2)


def test_it_follows_until_following_is_ended(live: Live, open_page: OpenPage) -> None:
    page = open_live_vm(open_page, live.url)
    following, button = page.locator("#following"), page.locator("#follow")
    expect(following).to_have_text("following")
    expect(page.locator(".badge.live")).to_be_visible()
    pictures = page.evaluate(PICTURES)
    grows(page)
    eventually(page, lambda: page.evaluate(PICTURES) != pictures)

    settled(page, lambda: page.keyboard.press("w"))
    expect(following).to_have_text("paused, this window stays")
    window = query_of(page)
    grows(page)
    assert query_of(page) == window

    settled(page, lambda: button.click())
    expect(following).to_have_text("following")
    expect(button).to_have_text("pause")
    eventually(page, lambda: int(query_of(page)["to"]) > int(window["to"]))
    assert query_of(page)["live"] == "1"

    link = page.locator("#events-body a[data-t]").first
    shown = link.evaluate("each => Object.fromEntries(new URL(each.href).searchParams)")
    assert int(shown["from"]) <= int(shown["t"]) <= int(shown["to"])
    assert "live" not in shown

    page.keyboard.press("l")
    expect(following).to_have_text("paused, this window stays")


DRAWN = """[
    [...document.querySelectorAll('#map .xtick text')].map(each => each.textContent),
    [...document.querySelectorAll('#map .ytick text')].map(each => each.textContent),
    document.querySelector('#strip-caption').textContent,
    document.querySelector('#totals').textContent,
    document.querySelector('#events-caption').textContent,
    document.querySelector('#events-body').textContent,
]"""
"""What a page shows that would be another if its window or its recording were."""


@pytest.mark.parametrize("search", ["", "?outcome=applied&direction=shared"])
def test_a_copied_link_shows_the_same_when_the_recording_has_grown(
    live: Live, open_page: OpenPage, search: str
) -> None:
    page = open_live_vm(open_page, live.url)
    page.goto(page.url + search)
    wait_until_drawn(page)
    grows(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.simulator.send_signal(signal.SIGSTOP)
    expect(page.locator("#age")).to_contain_text("last data")
    wait_until_drawn(page)
    drawn = page.evaluate(DRAWN)
    address = page.url
    page.keyboard.press("y")
    expect(page.locator("#link-status")).to_have_text("link copied")
    assert page.url == address, "it goes on following"
    link = page.evaluate("navigator.clipboard.readText()")
    live.simulator.send_signal(signal.SIGCONT)
    grows(page)
    eventually(page, lambda: page.evaluate(DRAWN) != drawn)

    other = open_page(link)
    wait_until_drawn(other)
    assert other.evaluate(DRAWN) == drawn
    assert query_of(other).keys() >= {"from", "to"}
    expect(other.locator("#following")).to_have_text("paused, this window stays")


def test_without_a_clipboard_the_address_bar_has_the_link(live: Live, open_page: OpenPage) -> None:
    page = open_live_vm(open_page, live.url)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    settled(page, page.get_by_role("button", name="copy link").click)
    expect(page.locator("#link-status")).to_have_text("the address bar holds the link")
    assert query_of(page).keys() == {"from", "to"}
    expect(page.locator("#following")).to_have_text("paused, this window stays")


def test_a_collector_that_hangs_or_dies_is_noticed(live: Live, open_page: OpenPage) -> None:
    page = open_live_vm(open_page, live.url)
    home = open_page(live.url)
    age = page.locator("#age")
    live.simulator.send_signal(signal.SIGSTOP)
    expect(age).to_contain_text(SILENT)
    first = silent_s(page)
    eventually(page, lambda: silent_s(page) > first >= 3)
    expect(home.locator("[data-silent-ms]")).to_contain_text("s ago")
    live.simulator.send_signal(signal.SIGCONT)
    expect(age).to_contain_text(", now")
    expect(home.locator("[data-silent-ms]")).to_have_text("")

    live.simulator.kill()
    expect(age).to_contain_text("incomplete: nothing was recorded after t+")
    expect(page.locator("#follow")).to_be_hidden()
    expect(home.locator(".badge.bad", has_text="recording incomplete")).to_be_visible()
    expect(home.locator(".badge.live")).to_have_count(0)


def test_a_server_that_goes_and_comes_back_is_read_again(
    live: Live, open_page: OpenPage, complaints: Complaints
) -> None:
    with link_to(live.url) as link:
        page = open_live_vm(open_page, link.url)
        home = open_page(link.url)
        expect(home.get_by_role("link", name="demo-cvm")).to_be_visible()
        link.cut()
        for each in (page, home):
            expect(each.get_by_role("alert")).to_contain_text("The server does not answer.")
            expect(each.get_by_role("alert")).to_contain_text("was read at")
            each.evaluate(LATE_ANSWER)
            expect(each.get_by_role("alert")).to_contain_text("The server does not answer.")
        expect(page.locator("#age")).to_contain_text(SILENT)
        newest = page.evaluate(NEWEST)
        link.mend()
        for each in (page, home):
            expect(each.get_by_role("alert")).to_be_hidden()
        eventually(page, lambda: page.evaluate(NEWEST) > newest)
        expect(page.locator("#age")).to_contain_text(", now")
        page.close()
        home.close()
    complaints.clear()


def test_ten_tabs_share_one_stream(live: Live, open_page: OpenPage) -> None:
    """Browsers keep six connections to a server at most: the seventh tab would wait for ever."""
    grows(open_live_vm(open_page, live.url))
    for _ in range(8):
        home = open_page(live.url)
        expect(home.get_by_role("link", name="demo-cvm")).to_be_visible()
    grows(open_live_vm(open_page, live.url))
