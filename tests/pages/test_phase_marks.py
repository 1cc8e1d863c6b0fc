"""Phase marks of a guest's firmware and boot are ticks below the timeline."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.store.database import open_database
from app.store.write import RecordingWriter
from collector.importing import import_file
from tests.browsing import Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]
TICKS = "document.getElementById('timeline').data.find(({name}) => name === 'phase marks')?.x"


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Iterator[Dashboard]:
    database = tmp_path_factory.mktemp("marks") / "gmemscope.db"
    engine = open_database(database)
    trace = recordings / "phase-marks" / "tracefs.trace.txt"
    import_file(trace, "trace", lambda header: RecordingWriter(engine, header))
    engine.dispose()
    with dashboard_over(database) as dashboard:
        yield dashboard


def marks_of(dashboard: Dashboard) -> list[dict[str, object]]:
    url = f"{dashboard.url}/api/v1/vms/1/events?kind=phase_mark"
    items: list[dict[str, object]] = httpx.get(url).json()["items"]
    return items


def test_each_mark_is_a_tick_at_its_instant(booted: Dashboard, open_page: OpenPage) -> None:
    page = open_page(f"{booted.url}/vms/1")
    wait_until_drawn(page)
    expect(page.locator("#legend-marks")).to_be_visible()
    expect(page.locator("#timeline .annotation")).to_have_text(["conversions", "phase marks"])
    assert page.evaluate(TICKS) == [mark["t"] for mark in marks_of(booted)]


def test_the_bucket_under_the_pointer_names_what_was_written(
    booted: Dashboard, open_page: OpenPage
) -> None:
    last = marks_of(booted)[-1]["t"]
    assert isinstance(last, int)
    page = open_page(f"{booted.url}/vms/1?from={last - 1000}&to={last + 1000}")
    wait_until_drawn(page)
    box = page.locator("#timeline-overlay").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + 20)
    expect(page.locator("#timeline-readout")).to_contain_text(re.compile("0x2 to port 0xf4"))


def test_a_vm_without_marks_has_no_row_for_them(open_page: OpenPage, small_database: Path) -> None:
    with dashboard_over(small_database) as small:
        page = open_page(f"{small.url}/vms/1")
        wait_until_drawn(page)
        expect(page.locator("#legend-marks")).to_be_hidden()
        assert page.evaluate(TICKS) is None
