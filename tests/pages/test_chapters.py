"""A recording that was gone on with: the explorer marks the gap and where it was recorded again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.store.database import open_database
from app.store.write import RecordingWriter, find_past
from tests.browsing import Dashboard, dashboard_over, wait_until_drawn
from tests.gone_on import LAST_T, SECOND, SECOND_RUN, conversions, make

OpenPage = Callable[..., Page]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "story.db"
    make(path, same_boot=True)
    return path


@pytest.fixture
def story(database: Path) -> Iterator[Dashboard]:
    with dashboard_over(database) as running:
        yield running


def test_a_gap_says_why_and_its_end_is_marked_with_words(
    story: Dashboard, open_page: OpenPage
) -> None:
    page = open_page(f"{story.url}/vms/1")
    wait_until_drawn(page)
    for plot in ("#map-overlay", "#timeline-overlay"):
        gap = page.locator(f"{plot} .loss")
        expect(gap).to_have_count(1)
        title = gap.get_attribute("title") or ""
        assert title.startswith("nothing was recorded, t+20.")
        assert title.endswith("the writer (process 42) ended without finishing")
        expect(page.locator(f"{plot} .chapter")).to_have_text(["recorded again"])
    page.goto(f"{story.url}/vms/1?from=1&to={10 * SECOND}")
    wait_until_drawn(page)
    expect(page.locator(".chapter")).to_have_count(0)


def test_a_page_follows_a_recording_that_is_gone_on_with(
    story: Dashboard, database: Path, open_page: OpenPage
) -> None:
    page = open_page(f"{story.url}/vms/1")
    wait_until_drawn(page)
    expect(page.locator("#age")).to_contain_text("ends at t+59")
    engine = open_database(database)
    header = replace(SECOND_RUN, from_t=LAST_T + 5 * SECOND)
    past = find_past(engine, header)
    with RecordingWriter(engine, header, is_live=True, past=past) as writer:
        writer.append(1, conversions(LAST_T + 6 * SECOND, LAST_T + 20 * SECOND, seed=3))
        writer.advance(LAST_T + 20 * SECOND)
        writer._commit()
        expect(page.locator("#age")).to_contain_text("newest t+80")
        expect(page.locator("#map-overlay .chapter")).to_have_count(2)
    engine.dispose()
    expect(page.locator("#age")).to_contain_text("ends at t+")
