"""The view is in the URL, and keys change it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from app.queries.maps import Measure
from tests.browsing import query_of, settled, wait_until_drawn

MEASURES = tuple(Measure)
Explorer = Callable[..., Page]

ZOOMED = (
    "?from=20000000000&to=30000000000&gpa_from=0x100000000&gpa_to=0x140000000"
    "&t=25000000000&gpa=0x110000000&measure=conversions"
)


def test_link_reproduces_the_view(explorer: Explorer) -> None:
    page = explorer(ZOOMED)
    query = query_of(page)
    assert "?" + "&".join(f"{name}={value}" for name, value in query.items()) == ZOOMED
    expect(page.locator("input[value=conversions]")).to_be_checked()
    expect(page.locator("#strip-caption")).to_contain_text("at the cursor, t+25.000\u2009000 s")


def test_reload_shows_the_same(explorer: Explorer) -> None:
    page = explorer()
    settled(page, lambda: page.keyboard.press("w"))
    before = query_of(page)
    ticks = page.locator("#map .xtick text").all_text_contents()
    assert len(ticks) > 2
    page.reload()
    wait_until_drawn(page)
    assert query_of(page) == before
    assert page.locator("#map .xtick text").all_text_contents() == ticks


def test_back_returns_to_what_was_shown_before_a_jump(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000")
    settled(page, lambda: page.keyboard.press("d"))
    before = query_of(page)
    settled(page, lambda: page.keyboard.press("0"))
    assert query_of(page) == {}
    settled(page, lambda: page.locator("#events-body a[data-gpa]").first.click())
    assert "t" in query_of(page)
    settled(page, page.go_back)
    assert query_of(page) == {}
    settled(page, page.go_back)
    assert query_of(page) == before


def test_nonsense_in_the_url_shows_the_whole_recording(explorer: Explorer) -> None:
    page = explorer("?from=9&to=3&gpa_from=zzz&t=-1&measure=%3Cscript%3E")
    assert query_of(page) == {}


def test_keys_zoom_and_pan(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000")
    settled(page, lambda: page.keyboard.press("d"))
    assert query_of(page) == {"from": "22000000000", "to": "32000000000"}
    settled(page, lambda: page.keyboard.press("a"))
    settled(page, lambda: page.keyboard.press("w"))
    assert query_of(page) == {"from": "22000000000", "to": "28000000000"}
    settled(page, lambda: page.keyboard.press("s"))
    assert query_of(page) == {"from": "20000000000", "to": "30000000000"}
    settled(page, lambda: page.keyboard.press("0"))
    assert query_of(page) == {}


def test_m_shows_one_measure_after_the_other(explorer: Explorer) -> None:
    page = explorer()
    for measure in (*MEASURES[1:], MEASURES[0]):
        settled(page, lambda: page.keyboard.press("m"))
        assert query_of(page) == ({} if measure == MEASURES[0] else {"measure": measure})
        expect(page.locator(f"[data-legend={measure}]")).to_be_visible()
        expect(page.locator("[data-legend]:visible")).to_have_count(1)
        expect(page.locator(f"input[value={measure}]")).to_be_checked()


def test_question_mark_lists_the_keys_and_escape_closes(explorer: Explorer) -> None:
    page = explorer()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#help")).to_contain_text("follow the live recording")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_arrows_move_the_cursor_when_the_map_has_the_focus(explorer: Explorer) -> None:
    page = explorer("?t=25000000000&gpa=0x110000000")
    page.locator("#map-overlay").focus()
    settled(page, lambda: page.keyboard.press("ArrowRight"))
    assert int(query_of(page)["t"]) > 25_000_000_000


def test_event_link_puts_the_cursor_on_the_event(explorer: Explorer) -> None:
    page = explorer()
    link = page.locator("#events-body a[data-gpa]").first
    t = link.get_attribute("data-t")
    settled(page, lambda: link.click())
    assert query_of(page)["t"] == t


def test_single_pages_can_be_distinguished(explorer: Explorer) -> None:
    page = explorer("?gpa_from=0x100000000&gpa_to=0x100010000")
    expect(page.locator("#strip-caption")).to_contain_text("64.0 KiB, 16 pages")
    expect(page.locator("#cell-size")).to_contain_text("1 cell = 4.0 KiB")


def test_tab_comes_to_one_event_and_arrows_go_on(explorer: Explorer) -> None:
    page = explorer()
    links = page.locator("#events-body a[data-t]")
    assert links.count() > 50
    expect(page.locator("#events-body a[tabindex='0']")).to_have_count(1)
    page.locator(".events .table-scroll").focus()
    page.keyboard.press("Tab")
    expect(links.nth(0)).to_be_focused()
    for key, index in (("ArrowDown", 1), ("PageDown", 11), ("ArrowUp", 10)):
        page.keyboard.press(key)
        expect(links.nth(index)).to_be_focused()
    t = links.nth(10).get_attribute("data-t")
    settled(page, lambda: page.keyboard.press("Enter"))
    assert query_of(page)["t"] == t
    page.keyboard.press("Tab")
    expect(page.locator("#events-body a:focus")).to_have_count(0)
