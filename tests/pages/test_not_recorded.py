"""A recording without the ranges of conversions: what is drawn and written of what it lacks."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.store.database import open_database
from app.store.write import RecordingWriter
from collector.importing import import_file
from tests.browsing import Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]
NOWHERE = 3
"""A VM of the recording none of whose conversions has a range."""


@pytest.fixture(scope="module")
def lean(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    database = tmp_path_factory.mktemp("lean") / "gmemscope.db"
    engine = open_database(database)
    path = recordings / "convwork" / "lean.dat"
    import_file(path, "trace.dat", lambda header: RecordingWriter(engine, header))
    engine.dispose()
    with dashboard_over(database) as dashboard:
        yield dashboard


def hatched(page: Page) -> list[list[float]]:
    """What the timeline draws hatched: rates, of each trace."""
    found: list[list[float]] = page.evaluate(
        """() => document.getElementById("timeline").data
             .filter((trace) => trace.fillpattern?.shape).map((trace) => [...trace.y])"""
    )
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_timeline_draws_conversions_of_unknown_direction_both_ways(
    open_page: OpenPage, lean: Dashboard, theme: str
) -> None:
    page = open_page(f"{lean.url}/vms/{NOWHERE}", color_scheme=theme)
    wait_until_drawn(page)
    up, down = hatched(page)
    assert max(up) > 0
    assert [-rate for rate in down] == up
    expect(page.locator("#legend-undirected")).to_be_visible()
    expect(page.locator("#totals")).to_contain_text("private not recorded")


def test_states_of_the_pages_that_conversions_named_are_lower_bounds(
    open_page: OpenPage, lean: Dashboard
) -> None:
    page = open_page(f"{lean.url}/vms/1?measure=conversions")
    wait_until_drawn(page)
    expect(page.locator("#totals")).to_contain_text("private at least 64.0 KiB")
    expect(page.locator("#legend-anywhere")).to_be_visible()


def test_a_recording_with_directions_has_no_such_legend(explorer: Callable[..., Page]) -> None:
    page = explorer()
    assert all(not any(rates) for rates in hatched(page))
    expect(page.locator("#legend-undirected")).to_be_hidden()


def test_the_map_states_why_it_is_empty(open_page: OpenPage, lean: Dashboard) -> None:
    page = open_page(f"{lean.url}/vms/{NOWHERE}?measure=conversions")
    wait_until_drawn(page)
    expect(page.locator("#map-empty")).to_contain_text("no conversion in this window has a range")
    expect(page.locator("#legend-unplaced")).to_contain_text("of 41 conversions the range is not")


def test_charts_and_strips_draw_it_too(lean: Dashboard) -> None:
    for path in ("/", f"/vms/{NOWHERE}/storms", f"/vms/{NOWHERE}/stretch", "/vms/1/report"):
        text = httpx.get(lean.url + path).text
        assert re.search(r'class="to-unknown" d="M', text), path
    figures = report_figures(httpx.get(f"{lean.url}/vms/{NOWHERE}/report").text)
    timeline = figures["overview-timeline"]
    asked = zip(timeline["to_unknown"], timeline["width"], strict=True)
    assert sum(rate * width for rate, width in asked) == pytest.approx(41, rel=1e-3)
    assert set(timeline["private_gib"]) == {None}


def report_figures(html: str) -> dict[str, Any]:
    found = re.search(r'id="report-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    figures: dict[str, Any] = json.loads(found[1])
    return figures


@pytest.mark.parametrize("path", ["/", "/vms/1/stretch", f"/vms/{NOWHERE}/stretch"])
def test_a_narrow_page_does_not_scroll_sideways(
    open_page: OpenPage, lean: Dashboard, path: str
) -> None:
    page = open_page(lean.url + path, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
