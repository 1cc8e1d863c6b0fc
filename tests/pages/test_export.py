"""What is shown can be taken as data, and a brushed rectangle is what everything shows."""

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browsing import query_of, settled

Explorer = Callable[..., Page]
WINDOWED = "?from=16000000000&to=20000000000&gpa_from=0x300000000&gpa_to=0x480000000"


def brush(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Shift-drag over the map, in shares of its area."""
    box = page.locator("#map-overlay").bounding_box()
    assert box is not None

    def place(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.keyboard.down("Shift")
    page.mouse.move(*place(left, top))
    page.mouse.down()
    page.mouse.move(*place((left + right) / 2, (top + bottom) / 2))
    page.mouse.move(*place(right, bottom))
    page.mouse.up()
    page.keyboard.up("Shift")


def asked_while(page: Page, act: Callable[[], Any]) -> dict[str, dict[str, str]]:
    """Parameters of the last question about each resource of the VM."""
    asked: dict[str, dict[str, str]] = {}

    def hear(answer: Response) -> None:
        parts = urlsplit(answer.url)
        if parts.path.startswith("/api/v1/vms/1/"):
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            name = parts.path.rpartition("/")[2]
            is_instant = int(query.get("to", 9)) - int(query.get("from", 0)) == 1
            asked[f"{name} at an instant" if is_instant else name] = query

    page.on("response", hear)
    settled(page, act)
    page.remove_listener("response", hear)
    return asked


def links_of(page: Page) -> dict[str, str]:
    """The export dialog's links by name."""
    links = page.locator("#export-rows a")
    found: dict[str, str] = dict(
        links.evaluate_all("all => all.map(each => [each.ariaLabel, each.getAttribute('href')])")
    )
    return found


def test_a_brushed_rectangle_is_what_every_part_asks_for(explorer: Explorer) -> None:
    page = explorer()
    asked = asked_while(page, lambda: brush(page, 0.3, 0.3, 0.5, 0.6))
    window = query_of(page)
    assert window.keys() == {"from", "to", "gpa_from", "gpa_to"}
    for name in ("raster", "raster.png", "timeline", "events"):
        assert {each: asked[name][each] for each in window} == window, name
    strip = asked["raster at an instant"]
    assert (strip["gpa_from"], strip["gpa_to"]) == (window["gpa_from"], window["gpa_to"])
    assert int(strip["from"]) == int(window["to"]) - 1
    expect(page.locator("#timeline-counted")).to_contain_text("at the shown addresses")

    page.keyboard.press("E")
    links = links_of(page)
    assert len(links) == 5 * 4 + 1
    for name, url in links.items():
        query = {each: values[-1] for each, values in parse_qs(urlsplit(url).query).items()}
        if name.startswith("state"):
            assert int(query["at"]) == int(window["to"]) - 1
        else:
            assert (query["from"], query["to"]) == (window["from"], window["to"]), name
        if not name.startswith("memslots"):
            assert (query["gpa_from"], query["gpa_to"]) == (window["gpa_from"], window["gpa_to"])


def test_brushing_the_full_height_selects_time_only(explorer: Explorer) -> None:
    page = explorer()
    asked = asked_while(page, lambda: brush(page, 0.3, 0.0, 0.5, 1.0))
    assert query_of(page).keys() == {"from", "to"}
    assert "gpa_from" not in asked["timeline"]
    assert "gpa_from" not in asked["events"]


def test_exports_hold_what_is_on_screen(explorer: Explorer) -> None:
    page = explorer(WINDOWED + "&outcome=failed&direction=shared")
    page.get_by_role("button", name="export").click()
    expect(page.locator("#export-what")).to_contain_text(
        "0x3_0000_0000 to 0x4_8000_0000; failed, to"
    )
    links = links_of(page)

    def rows(name: str) -> list[dict[str, str]]:
        text = page.request.get(page.url.partition("/vms")[0] + links[name]).text()
        return list(csv.DictReader(io.StringIO(text)))

    events = rows("events in view, CSV")
    while page.locator("#events-more").is_visible():
        page.evaluate("document.getElementById('events-more').click()")
        page.wait_for_load_state("networkidle")
    assert len(events) == page.locator("#events-body tr").count() > 10
    assert {(event["outcome"], event["to"]) for event in events} == {("failed", "shared")}
    counts = rows("counts over time, CSV")
    assert sum(int(each["failed"]) for each in counts) == len(
        [event for event in events if event["kind"] == "conversion"]
    )
    assert sum(int(each["to_private"]) for each in counts) == 0
    state = rows("state at the end of the window, CSV")
    assert sum(int(run["npages"]) for run in state) == 0x180000
    cells = rows("cells of the map, CSV")
    assert {int(cell["t_from"]) >= 15_900_000_000 for cell in cells} == {True}
    assert {0x300000 <= int(cell["gfn"]) < 0x480000 for cell in cells} == {True}
    assert {int(slot["slot"]) for slot in rows("memslots of that time, CSV")} >= {0, 4}


@pytest.mark.parametrize("ending", ["json", "arrow", "parquet"])
def test_every_link_answers(explorer: Explorer, ending: str) -> None:
    page = explorer(WINDOWED)
    page.keyboard.press("E")
    urls = [url for url in links_of(page).values() if f".{ending}?" in url]
    assert len(urls) == 5
    for url in urls:
        assert page.request.get(page.url.partition("/vms")[0] + url).ok, url
    page.keyboard.press("Escape")
    expect(page.locator("#export")).to_be_hidden()
