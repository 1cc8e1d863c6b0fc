"""What the map shows is a choice; the numbers under the pointer are those of REST."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browsing import Dashboard, dashboard_over, wait_until_drawn

Explorer = Callable[..., Page]
THIN = "\u2009"
FAULTING = 20_300_000_000
"""An instant at which the simulated guest accepts memory."""


def hover(page: Page, selector: str, x: float, y: float) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


@pytest.mark.parametrize(
    ("measure", "name", "text"),
    [
        ("page_faults", "page_faults", "{} in the cell"),
        ("ping_pong", "returns", "{} returns of "),
        ("conversions", "conversions", "{} in the cell, "),
    ],
)
def test_the_cell_under_the_pointer_has_the_counts_of_its_measure_first(
    explorer: Explorer, measure: str, name: str, text: str
) -> None:
    page = explorer(f"?measure={measure}")
    with page.expect_response(lambda answer: "raster/cell" in answer.url) as asked:
        hover(page, "#map-overlay", 0.32, 0.66)
    count = f"{httpx.get(asked.value.url).json()[name]:,}".replace(",", THIN)
    expect(page.locator("#inspector .measured").first).to_have_text(
        re.compile("^" + re.escape(text.format(count)))
    )


def test_failures_and_page_faults_have_subplots_of_their_own(
    explorer: Explorer, dashboard: Dashboard
) -> None:
    page = explorer(f"?from={FAULTING}&to={FAULTING + 1_000_000}")
    expect(page.locator("#legend-failed")).to_be_visible()
    expect(page.locator("#legend-faults")).to_be_visible()
    expect(page.locator("#timeline .annotation")).to_have_text(
        ["conversions", "failed", "page faults"]
    )


def test_pointing_at_the_timeline_tells_all_subplots_exactly(
    explorer: Explorer, dashboard: Dashboard
) -> None:
    page = explorer()
    hover(page, "#timeline-overlay", 0.32, 0.9)
    readout = page.locator("#timeline-readout")
    expect(readout).to_contain_text(re.compile(r"\d page faults \([\d\u2009]+ known to be private"))
    (length,) = re.findall(r"s, ([\d.]+) ms: ", readout.inner_text())
    span = httpx.get(f"{dashboard.url}/api/v1/vms/1").json()["span"]
    box = page.locator("#timeline-overlay").bounding_box()
    assert box is not None
    assert abs(float(length) * 1e6 - (span[1] - span[0]) / (box["width"] // 4)) < 1e6


def test_what_was_not_recorded_is_named_on_the_map(
    open_page: Callable[..., Page], small_database: Path
) -> None:
    with dashboard_over(small_database) as small:
        page = open_page(f"{small.url}/vms/1?measure=page_faults")
        wait_until_drawn(page)
        expect(page.locator("#map-empty")).to_have_text("no faults")
        expect(page.locator("#inspector")).to_be_visible()
        expect(page.locator("#legend-faults")).to_be_hidden()
        page.keyboard.press("m")
        expect(page.locator("#map-empty")).to_be_hidden()
