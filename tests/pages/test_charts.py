"""The charts of storms, stretches and backing answer a pointer, and lead to what they show."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import Complaints, Dashboard, eventually, take_requests

OpenPage = Callable[..., Page]

AREA = ".chart-figure .nsewdrag[data-subplot=xy]"
"""Where a chart has its conversions, or its only subplot."""
RANGES = "all => all.map(one => one.layout.xaxis.range)"
WHOLE = [4_000_000, 60_750_000_001]


def ranges(page: Page) -> list[list[float]]:
    shown: list[list[float]] = page.locator(".chart-figure").evaluate_all(RANGES)
    return shown


def drag(page: Page, start: float, end: float) -> None:
    """Over the first chart, from one share of its width to another."""
    place = page.locator(AREA).first.bounding_box()
    assert place is not None
    y = place["y"] + place["height"] / 3
    page.mouse.move(place["x"] + start * place["width"], y)
    page.mouse.down()
    page.mouse.move(place["x"] + end * place["width"], y, steps=4)
    page.mouse.up()


def opened(open_page: OpenPage, url: str, charts: int) -> Page:
    page = open_page(url)
    expect(page.locator(AREA)).to_have_count(charts)
    page.locator(".chart-figure").first.scroll_into_view_if_needed()
    return page


def test_a_drag_zooms_and_the_link_leads_to_what_is_shown(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = opened(open_page, f"{dashboard.url}/vms/1/storms", 1)
    link = page.get_by_role("link", name="What is shown, on the map")
    assert ranges(page) == [WHOLE]
    finer = re.compile(r"/timeline\?from=[1-9]\d{9,}&")
    with page.expect_response(finer):
        drag(page, 0.2, 0.5)
    ((start, end),) = ranges(page)
    assert 0.25 * WHOLE[1] < end - start < 0.35 * WHOLE[1]
    expect(link).to_have_attribute("href", f"/vms/1?from={start:.0f}&to={end:.0f}&t={start:.0f}")
    page.locator(AREA).dblclick()
    eventually(page, lambda: ranges(page) == [WHOLE])
    expect(link).to_have_attribute("href", f"/vms/1?from={WHOLE[0]}&to={WHOLE[1]}&t={WHOLE[0]}")


def test_pointing_reads_out_a_bucket(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = opened(open_page, f"{dashboard.url}/vms/1/storms/1", 1)
    page.locator(AREA).hover()
    label = page.locator(".chart-figure .hovertext")
    expect(label).to_contain_text(re.compile(r"t\+\d+.*to private.*failed.*page faults.*private"))


def test_the_charts_of_backing_show_one_window(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = opened(open_page, f"{dashboard.url}/vms/1/backing", 2)
    points = page.request.get(f"{dashboard.url}/api/v1/vms/1/backing").json()["points"]
    whole = [points[0]["t"], points[-1]["t"]]
    assert ranges(page) == [whole, whole]
    drag(page, 0.4, 0.6)
    eventually(page, lambda: ranges(page)[0] != whole)
    first, second = ranges(page)
    assert first == second
    link = page.get_by_role("link", name="What is shown, on the map")
    expect(link).to_have_attribute("href", f"/vms/1?from={first[0]:.0f}&to={first[1]:.0f}")


def test_colours_follow_the_theme(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = opened(open_page, f"{dashboard.url}/vms/1/backing", 2)
    ground = "figure => figure.layout.paper_bgcolor"
    figure = page.locator(".chart-figure").first
    light = figure.evaluate(ground)
    page.locator("#theme-toggle").click()
    eventually(page, lambda: figure.evaluate(ground) != light)


def test_without_an_answer_the_page_keeps_its_picture(
    open_page: OpenPage, dashboard: Dashboard, complaints: Complaints
) -> None:
    page = open_page("about:blank")
    take_requests(page, "**/timeline?*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.goto(f"{dashboard.url}/vms/1/storms")
    expect(page.get_by_role("img", name="Conversions over time; storms are marked")).to_be_visible()
    expect(page.locator(".chart-figure")).to_have_count(0)
    eventually(page, lambda: bool(complaints))  # the request itself is on the console
    complaints.clear()


@pytest.mark.parametrize("path", ["storms", "storms/1", "backing"])
def test_a_chart_has_the_words_of_its_picture(
    open_page: OpenPage, dashboard: Dashboard, path: str
) -> None:
    page = opened(open_page, f"{dashboard.url}/vms/1/{path}", 2 if path == "backing" else 1)
    names = page.locator(".chart-figure").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert all("over time" in name for name in names)
