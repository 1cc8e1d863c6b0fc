"""A plain trace of system calls: pages name what is not recorded."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.store.database import open_database
from app.store.write import RecordingWriter
from collector.importing import import_file
from tests.browsing import Dashboard, dashboard_over

OpenPage = Callable[..., Page]
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def without_ranges(
    recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """VM 3 has no conversion of known range, VM 1 some."""
    database = tmp_path_factory.mktemp("lean") / "gmemscope.db"
    engine = open_database(database)
    path = recordings / "convwork" / "lean.dat"
    import_file(path, "trace.dat", lambda header: RecordingWriter(engine, header))
    engine.dispose()
    with dashboard_over(database) as dashboard:
        yield dashboard


def test_an_empty_map_states_that_ranges_are_not_recorded(
    open_page: OpenPage, without_ranges: Dashboard
) -> None:
    page = open_page(f"{without_ranges.url}/vms/3")
    expect(page.locator("#map-empty")).to_have_text(
        "Nothing to show here: no memslot is known, "
        "and no conversion in this window has a range in the recording."
    )
    expect(page.get_by_text("No memslot is known at")).to_be_visible()


def test_the_list_of_vms_fits_its_screen_with_lower_bounds_in_it(
    open_page: OpenPage, without_ranges: Dashboard
) -> None:
    page = open_page(without_ranges.url, viewport={"width": 1440, "height": 900})
    expect(page.get_by_role("row").filter(has_text="at least")).to_be_visible()
    scrolled = page.locator(".table-scroll")
    assert scrolled.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_a_stretch_fits_a_narrow_screen(open_page: OpenPage, without_ranges: Dashboard) -> None:
    page = open_page(f"{without_ranges.url}/vms/1/stretch", viewport=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]


def test_conversions_that_leave_changes_open_are_no_more_than_there_were(
    without_ranges: Dashboard,
) -> None:
    text = httpx.get(f"{without_ranges.url}/vms/3/stretch").text
    assert "41 conversions leave open which pages changed, and some may be of another VM" in text


def test_a_misspelt_redact_gives_no_report(without_ranges: Dashboard) -> None:
    answer = httpx.get(f"{without_ranges.url}/vms/1/report?redacted=true")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "there is no parameter" in answer.text
    assert "Content-Disposition" not in answer.headers
