"""A collector that is behind what happens: pages show by how much."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.model.guest import Certainty, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter
from collector.capture.agent._counters import Counters
from tests.browsing import Dashboard, dashboard_over

OpenPage = Callable[..., Page]
SECOND = 10**9


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Dashboard]:
    """What is stored reaches to 8 s; when the collector counted last, 20 s had gone by."""
    database = tmp_path / "late.db"
    engine = open_database(database)
    counted = Counters(at_t=20 * SECOND, at_unix_ms=time.time_ns() // 10**6, duration_s=20)
    coverage = {"collector": asdict(counted)}
    header = RecordingHeader("late", "tracefs", "rig", "mono", 0, coverage=coverage)
    with RecordingWriter(engine, header, is_live=True) as writer:
        writer.add_vm(VmIdentity("guest", 70, 5, 0, Certainty.SEEN, PageState.SHARED))
        writer.advance(8 * SECOND)
        writer._commit()
        with dashboard_over(database) as dashboard:
            yield dashboard
    engine.dispose()


def test_pages_show_how_far_behind_the_collector_is(late: Dashboard, open_page: OpenPage) -> None:
    by_how_much = re.compile(r"\d+ s behind")
    home = open_page(late.url)
    expect(home.locator("[data-behind-ms]")).to_contain_text(by_how_much)
    explorer = open_page(f"{late.url}/vms/1")
    expect(explorer.locator("#age")).to_have_text(re.compile(r"newest t\+8.0 s, \d+ s behind"))
    coverage = open_page(f"{late.url}/recordings/1/coverage")
    behind = coverage.locator("div.bad", has_text="behind what happens")
    expect(behind).to_be_visible()
