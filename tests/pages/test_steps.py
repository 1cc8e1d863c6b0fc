"""Moving the cursor: from event to event by keys, by the slider, and by playing."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import (
    Dashboard,
    eventually,
    query_of,
    settled,
    take_requests,
    wait_until_drawn,
)

Explorer = Callable[..., Page]
Events = Callable[..., list[dict[str, object]]]

CHOSEN = "#events-body tr[aria-current=true]"


@pytest.fixture
def events(dashboard: Dashboard) -> Events:
    def ask(**parameters: str | int) -> list[dict[str, object]]:
        answer = httpx.get(f"{dashboard.url}/api/v1/vms/1/events", params=parameters)
        items: list[dict[str, object]] = answer.json()["items"]
        return items

    return ask


def press(page: Page, key: str) -> None:
    settled(page, lambda: page.keyboard.press(key))


def chosen(page: Page) -> int:
    expect(page.locator(CHOSEN)).to_have_attribute("data-seq", query_of(page)["event"])
    return int(query_of(page)["event"])


def test_keys_go_from_event_to_event_and_back(explorer: Explorer, events: Events) -> None:
    page = explorer("?from=20000000000&to=21000000000")
    wanted = events(**{"from": 20_000_000_000, "limit": 3})
    for event in wanted:
        press(page, ".")
        assert chosen(page) == event["seq"]
        assert query_of(page)["t"] == str(event["t_effect"])
    expect(page.locator("#events-caption")).to_contain_text("Around event")
    row = page.locator(CHOSEN).bounding_box()
    table = page.locator(".events .table-scroll").bounding_box()
    assert row is not None
    assert table is not None
    assert table["y"] < row["y"] < table["y"] + table["height"]  # in sight, in the table
    press(page, ",")
    assert chosen(page) == wanted[1]["seq"]
    assert query_of(page)["from"] == "20000000000"
    page.reload()
    wait_until_drawn(page)
    assert chosen(page) == wanted[1]["seq"]
    press(page, "Escape")
    expect(page.locator(CHOSEN)).to_have_count(0)
    assert "event" not in query_of(page)


def test_without_a_cursor_the_event_before_is_the_windows_last(
    explorer: Explorer, events: Events
) -> None:
    page = explorer("?from=20000000000&to=21000000000")
    press(page, ",")
    (last,) = events(to=21_000_000_000, order="desc", limit=1)
    assert chosen(page) == last["seq"]


def test_the_window_follows_and_filters_hold(explorer: Explorer, events: Events) -> None:
    page = explorer("?from=1000000000&to=2000000000&outcome=failed")
    press(page, ".")
    (failed,) = events(**{"from": 1_000_000_000}, outcome="failed", limit=1)
    query = query_of(page)
    assert chosen(page) == failed["seq"]
    assert int(query["from"]) <= int(query["t"]) < int(query["to"])
    assert int(query["to"]) - int(query["from"]) == 1_000_000_000
    expect(page.locator("#events-body tr:not(.outcome-failed)")).to_have_count(0)
    page.keyboard.press(",")
    expect(page.locator("#events-caption")).to_have_text("No earlier event: failed")
    assert chosen(page) == failed["seq"]


def test_steps_stay_at_a_place_that_was_chosen(explorer: Explorer, events: Events) -> None:
    page = explorer("?from=17000000000&to=17100000000&gpa_from=0x200000000&gpa_to=0x200200000")
    (first,) = events(
        **{"from": 17_000_000_000, "limit": 1}, gpa_from=0x200000000, gpa_to=0x200200000
    )
    press(page, ".")
    assert chosen(page) == first["seq"]  # of the addresses shown
    place = f"t=17000000000&gpa={first['gpa']}"
    page = explorer(f"?from=17000000000&to=17100000000&{place}")
    press(page, ".")
    press(page, ".")
    assert query_of(page)["gpa"] == first["gpa"]
    ranges = page.locator(f"{CHOSEN} td.address").inner_text()
    low = int(ranges.split(" ")[0].replace("_", ""), 16)
    assert low <= int(str(first["gpa"]), 16) + (256 << 20)


def test_an_event_that_is_followed_is_where_steps_go_on(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=21000000000")
    link = page.locator("#events-body tr").nth(5).locator("a[data-t]")
    seq = int(link.get_attribute("data-seq") or -1)
    settled(page, link.click)
    assert chosen(page) == seq
    press(page, ".")
    assert chosen(page) == seq + 1


def test_an_event_that_is_jumped_to_is_the_chosen_one(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=21000000000")
    page.keyboard.press("/")
    page.keyboard.type("#12")
    settled(page, lambda: page.keyboard.press("Enter"))
    assert chosen(page) == 12
    press(page, ",")
    assert chosen(page) == 11


def test_the_slider_moves_the_cursor_and_what_depends_on_it_only(explorer: Explorer) -> None:
    page = explorer("?from=15000000000&to=25000000000")
    slider = page.get_by_role("slider", name="Instant shown")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("#strip-caption")).to_contain_text("State at the cursor, t+15.000")
    expect(page.locator("#totals")).to_contain_text("at the cursor")
    page.keyboard.press("ArrowRight")
    eventually(page, lambda: int(query_of(page).get("t", 0)) > 15_000_000_000)
    t = int(query_of(page)["t"])
    assert t < 15_050_000_000  # a pixel further
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^t\+15\.0"))
    expect(page.locator("#events-caption")).to_contain_text("under the cursor")
    expect(page.locator("#map-overlay .mark-cursor")).to_be_visible()
    assert not [url for url in asked if "raster.png" in url and "width=1&" not in url]
    page.keyboard.press("w")  # keys of the page hold while the slider has the focus
    eventually(page, lambda: query_of(page)["from"] != "15000000000")


def test_playing_moves_to_the_end_of_the_window_and_stops(explorer: Explorer) -> None:
    page = explorer("?from=15000000000&to=15200000000&t=15199000000&gpa=0x120000000")
    page.get_by_label("How long it takes to play the window").select_option("5")
    page.locator("#map-overlay").focus()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    eventually(page, lambda: query_of(page)["t"] == "15199999999")
    expect(page.locator("#inspector")).to_contain_text("page history")
    page.get_by_label("How long it takes to play the window").select_option("60")
    page.locator("#map-overlay").focus()
    page.keyboard.press("p")  # from the beginning again
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("#strip-caption")).to_contain_text("t+15.0")
    page.get_by_role("button", name="Pause").click()
    eventually(page, lambda: 15_000_000_000 <= int(query_of(page)["t"]) < 15_199_000_000)


def test_playing_asks_for_no_step_before_the_last_was_answered(explorer: Explorer) -> None:
    page = explorer("?from=15000000000&to=25000000000")
    held: list[Route] = []
    take_requests(page, "**/events?*", lambda route: held.append(route))
    page.keyboard.press("p")
    eventually(page, lambda: len(held) == 1)
    page.wait_for_timeout(500)
    assert len(held) == 1
    held[0].continue_()
    eventually(page, lambda: len(held) == 2)
    page.keyboard.press("p")
    held[1].continue_()
    page.unroute_all(behavior="wait")


def test_clearing_the_cursor_ends_playing(explorer: Explorer) -> None:
    page = explorer("?from=15000000000&to=25000000000", reduced_motion="reduce")
    page.get_by_label("How long it takes to play the window").select_option("60")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    eventually(page, lambda: not page.locator("#clear-cursor").is_hidden())
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    eventually(page, lambda: "t" not in query_of(page))


KEYS = ["w", "a", "s", "d", "0", *".,][ABxm/nl?p", "Esc"]
"""What is promised, and playing."""


def test_the_help_lists_every_key(explorer: Explorer) -> None:
    page = explorer()
    page.keyboard.press("?")
    assert set(KEYS) <= set(page.locator("#key-list kbd").all_inner_texts())
