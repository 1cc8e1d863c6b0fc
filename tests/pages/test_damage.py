"""A VM of whose history the disk lost a part."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import Complaints, Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]


@pytest.fixture
def damaged(simulated_database: Path, tmp_path: Path) -> Iterator[Dashboard]:
    path = Path(shutil.copy(simulated_database, tmp_path / "damaged.db"))
    with closing(sqlite3.connect(path)) as raw, raw:
        ids = [row[0] for row in raw.execute("SELECT id FROM segment ORDER BY number")]
        change = "UPDATE segment SET event_checksum = event_checksum + 1 WHERE id = ?"
        raw.execute(change, (ids[len(ids) // 2],))
    with dashboard_over(path) as running:
        yield running


def test_the_map_is_drawn_and_names_what_is_lost(
    damaged: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    page = open_page(f"{damaged.url}/vms/1")
    wait_until_drawn(page)
    page.reload()  # what is read is known to be damaged from then on
    wait_until_drawn(page)
    expect(page.locator("#age")).to_have_text("incomplete: the database is damaged")
    coverage = open_page(f"{damaged.url}/recordings/1/coverage")
    expect(coverage.get_by_text("now a loss")).to_be_visible()
    expect(coverage.get_by_role("row", name="damaged database")).to_be_visible()
