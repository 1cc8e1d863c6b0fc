"""Two markers to compare, and a box that goes to a place."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import eventually, query_of, settled, wait_until_drawn

Explorer = Callable[..., Page]


def test_markers_are_drawn_kept_in_the_url_and_compared(explorer: Explorer) -> None:
    page = explorer("?t=15000000000&a=10000000000")
    expect(page.locator("#marker-a")).to_have_text("A t+10.000 s")
    expect(page.locator("#diff")).to_be_hidden()
    settled(page, lambda: page.keyboard.press("A"))
    settled(page, lambda: page.locator("#timeline-overlay").click(position={"x": 500, "y": 40}))
    settled(page, lambda: page.keyboard.press("B"))
    query = query_of(page)
    assert query["a"] == "15000000000"
    assert query["b"] == query["t"]
    for overlay in ("#timeline-overlay", "#map-overlay"):
        expect(page.locator(f"{overlay} .marker:visible")).to_have_count(2)
    expect(page.get_by_role("link", name="diff, ")).to_be_visible()
    settled(page, lambda: page.keyboard.press("Escape"))
    assert query_of(page).keys() == {"a", "b"}
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile(rf"/diff\?vm=1&at=15000000000&at_b={query['b']}$"))
    expect(page.get_by_text("simulated", exact=True)).to_be_visible()
    page.get_by_role("link", name="all on the map").click()
    wait_until_drawn(page)
    expect(page.locator("#map-overlay .marker:visible")).to_have_count(2)
    settled(page, lambda: page.keyboard.press("Escape"))
    assert query_of(page).keys() == {"from", "to"}


def test_a_slash_goes_to_an_address_or_a_time(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=22000000000&gpa_from=0x100000000&gpa_to=0x100100000")
    box = page.get_by_label("Go to an address, a time or an event")

    def jump(text: str) -> dict[str, str]:
        page.keyboard.press("/")
        expect(box).to_be_focused()
        page.keyboard.type(text)
        settled(page, lambda: page.keyboard.press("Enter"))
        return query_of(page)

    shown = jump("12.5s")
    assert shown["t"] == "12500000000"
    assert (shown["from"], shown["to"]) == ("11500000000", "13500000000")
    shown = jump("gfn:0x120000")
    assert (shown["t"], shown["gpa"]) == ("12500000000", "0x120000000")
    assert (shown["gpa_from"], shown["gpa_to"]) == ("0x11ff80000", "0x120080000")
    page.keyboard.press("/")
    page.keyboard.type("0xf0000000")
    page.keyboard.press("Enter")
    said = box.evaluate("box => box.validationMessage")
    assert said == "No memslot ever had 0x0_f000_0000."
    assert query_of(page) == shown


def test_a_jump_finds_host_addresses_by_their_memslots(explorer: Explorer) -> None:
    page = explorer("?t=20000000000")
    slots = page.request.get(page.url.partition("/vms")[0] + "/api/v1/vms/1/memslots").json()
    plugged = next(slot for slot in slots["items"] if slot["slot"] == 6)
    main = next(slot for slot in slots["items"] if slot["slot"] == 4)
    box = page.get_by_label("Go to an address, a time or an event")

    box.fill(f"hva:{int(main['userspace_addr'], 16) + 0x5123:#x}")
    settled(page, lambda: box.press("Enter"))
    assert query_of(page)["gpa"] == hex(int(main["gpa"], 16) + 0x5000)
    expect(page.locator("#jump-status")).to_contain_text("is gpa 0x1_0000_5123 by memslot 4")
    settled(page, lambda: page.keyboard.press("w"))
    expect(page.locator("#jump-status")).to_have_text("")

    box.fill(f"hva:{plugged['userspace_addr']}")
    box.press("Enter")
    said = box.evaluate("box => box.validationMessage")
    assert "No memslot has hva" in said
    assert "memslot 6 has it from t+25." in said
    box.fill("hva:0x1000")
    box.press("Enter")
    assert "No memslot has hva 0x0_0000_1000 at t+20." in box.evaluate("b => b.validationMessage")
    box.fill(main["userspace_addr"])
    box.press("Enter")
    said = box.evaluate("box => box.validationMessage")
    assert said.endswith(f"memslot 4 has it: write hva:{main['userspace_addr']}.")


def test_a_jump_finds_an_event_by_its_number(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=22000000000")
    url = page.url.partition("/vms")[0] + "/api/v1/vms/1/events?after=5999&limit=1"
    event = page.request.get(url).json()["items"][0]
    box = page.get_by_label("Go to an address, a time or an event")
    box.fill("#6000")
    settled(page, lambda: box.press("Enter"))
    query = query_of(page)
    assert query["t"] == str(event["t_effect"])
    assert int(query["from"]) <= event["t_effect"] < int(query["to"])
    expect(page.locator("#jump-status")).to_contain_text("event #6000: ")
    box.fill("#999999999")
    box.press("Enter")
    eventually(page, lambda: bool(box.evaluate("box => box.validationMessage")))
    said = box.evaluate("box => box.validationMessage")
    assert re.fullmatch(r"This VM has [\d\u2009]+ events, from #0 on\.", said)
