"""The explorer draws what REST answers, and asks for exactly what it shows."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browsing import query_of, settled

Explorer = Callable[..., Page]

Share = tuple[float, float]
"""Of an area's width and height."""


def drag(page: Page, selector: str, start: Share, end: Share) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


COLOURS_OF_MAP = """async () => {
  const image = document.querySelector("#map image");
  const bitmap = new Image();
  bitmap.src = image.getAttribute("href") ?? image.getAttribute("xlink:href");
  await bitmap.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set(new Uint32Array(pixels.buffer));
  return [canvas.width, canvas.height, colours.size];
}"""


def test_map_is_drawn_and_has_more_than_one_colour(explorer: Explorer) -> None:
    page = explorer()
    width, height, colours = page.evaluate(COLOURS_OF_MAP)
    assert width > 500
    assert height > 10
    assert colours > 2


def test_holes_between_memslots_are_elided_with_a_label(explorer: Explorer) -> None:
    page = explorer()
    expect(page.locator(".hole").first).to_contain_text("(no memslot)")


def test_failures_and_losses_are_counted_above_the_plots(explorer: Explorer) -> None:
    page = explorer()
    expect(page.locator("#failed")).to_have_text(re.compile(r"^\d+ failed$"))
    expect(page.get_by_role("link", name="events lost")).to_have_attribute(
        "href", "/recordings/1#losses"
    )


def test_every_memslot_has_a_bar_with_its_backing(explorer: Explorer) -> None:
    page = explorer()
    bars = " ".join(page.locator(".memslot-bar").all_inner_texts())
    assert "mixed: can be private" in bars
    assert "hva: never private" in bars
    assert "gmem: can be private" in bars


def test_wheel_zooms_time_and_asks_for_exactly_the_new_window(explorer: Explorer) -> None:
    page = explorer()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#map-overlay").hover()
    settled(page, lambda: page.mouse.wheel(0, -400))
    query = query_of(page)
    assert 0 < int(query["from"]) < int(query["to"])
    window = f"from={query['from']}&to={query['to']}&"
    assert any("/raster.png?" + window in url for url in asked)
    assert any("/timeline?" + window in url for url in asked)
    assert any("/events?" + window in url for url in asked)


def test_shift_wheel_zooms_addresses_only(explorer: Explorer) -> None:
    page = explorer()
    page.locator("#map-overlay").hover()
    page.keyboard.down("Shift")
    settled(page, lambda: page.mouse.wheel(0, -400))
    page.keyboard.up("Shift")
    assert set(query_of(page)) == {"gpa_from", "gpa_to"}


def test_drag_pans_by_what_the_pointer_moved(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000")
    settled(page, lambda: drag(page, "#map-overlay", (0.5, 0.5), (0.6, 0.5)))
    query = query_of(page)
    assert abs(int(query["from"]) - 19_000_000_000) < 20_000_000
    assert int(query["to"]) - int(query["from"]) == 10_000_000_000


def test_shift_drag_zooms_to_the_rectangle(explorer: Explorer) -> None:
    page = explorer()
    page.keyboard.down("Shift")
    settled(page, lambda: drag(page, "#map-overlay", (0.25, 0.25), (0.5, 0.75)))
    page.keyboard.up("Shift")
    assert set(query_of(page)) == {"from", "to", "gpa_from", "gpa_to"}


def test_drag_selects_once_select_is_on(explorer: Explorer) -> None:
    page = explorer()
    page.get_by_role("button", name="select").click()
    settled(page, lambda: drag(page, "#map-overlay", (0.25, 0.25), (0.5, 0.75)))
    assert set(query_of(page)) == {"from", "to", "gpa_from", "gpa_to"}


def test_drag_on_the_timeline_selects_a_time(explorer: Explorer) -> None:
    page = explorer()
    settled(page, lambda: drag(page, "#timeline-overlay", (0.25, 0.5), (0.5, 0.5)))
    query = query_of(page)
    assert set(query) == {"from", "to"}
    share = (int(query["to"]) - int(query["from"])) / (60_750_000_000 - 4_000_000)
    assert abs(share - 0.25) < 0.01


def test_double_click_shows_the_whole_recording(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000&gpa_from=0x100000000&gpa_to=0x140000000")
    settled(page, lambda: page.locator("#map-overlay").dblclick())
    assert query_of(page) == {}


def test_hole_is_not_in_the_window_after_zooming_into_one_slot(explorer: Explorer) -> None:
    page = explorer("?gpa_from=0x100000000&gpa_to=0x100100000")
    expect(page.locator(".hole")).to_have_count(0)
    expect(page.locator("#strip-caption")).to_contain_text("1.0 MiB, 256 pages")


def test_inspector_names_what_is_under_the_pointer(explorer: Explorer) -> None:
    page = explorer()
    page.locator("#map-overlay").hover()
    inspector = page.locator("#inspector")
    expect(inspector).to_contain_text("gfn")
    expect(inspector).to_contain_text("can be private")
    expect(inspector).to_contain_text("in the cell")


def test_click_keeps_the_cursor_and_filters_the_events(explorer: Explorer) -> None:
    page = explorer()
    settled(page, lambda: page.locator("#map-overlay").click())
    assert {"t", "gpa"} <= set(query_of(page))
    expect(page.locator("#events-caption")).to_contain_text("under the cursor")
    expect(page.locator("#inspector")).to_contain_text("page history")
    expect(page.locator("#inspector a").first).to_have_attribute("href", re.compile("gpa_from=0x"))
    settled(page, lambda: page.keyboard.press("Escape"))
    assert query_of(page) == {}
    expect(page.locator("#events-caption")).to_contain_text("in view")


def test_more_events_come_on_demand(explorer: Explorer) -> None:
    page = explorer()
    rows = page.locator("#events-body tr")
    expect(rows).to_have_count(100)
    page.locator("#events-more").click()
    expect(rows).to_have_count(200)


def test_events_can_be_limited_to_failed_calls(explorer: Explorer) -> None:
    page = explorer()
    page.get_by_label("outcome").select_option("failed")
    expect(page.locator("#events-body tr.outcome-applied")).to_have_count(0)
    expect(page.locator("#events-body tr.outcome-failed").first).to_be_visible()


def test_lost_events_are_marked_over_the_time_they_cover(explorer: Explorer) -> None:
    page = explorer()
    expect(page.locator("#map-overlay .loss")).to_have_count(1)
    expect(page.locator("#map-overlay .loss")).to_have_attribute(
        "title",
        re.compile(r"^[\d\u2009]+ events lost, t\+38\.050\u2009000 s to t\+38\.450\u2009000 s$"),
    )
