"""The first page lists what there is, or states how to get something."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from app.model.events import EVENT, EventArray
from app.model.guest import Certainty, EventKind, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter, _writer as writer_module
from tests.browsing import Dashboard, dashboard_over, simulate
from tests.bursting import SECOND, burst

OpenPage = Callable[..., Page]

IDENTITY = VmIdentity("guest", 101, 11, 0, Certainty.SEEN, PageState.SHARED)


def test_vm_has_a_row_with_its_memory_and_what_needs_a_look(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page(dashboard.url)
    row = page.get_by_role("row").filter(has_text="demo-cvm")
    expect(row).to_contain_text("simulated")
    expect(row).to_contain_text("events lost")
    expect(row).to_contain_text("failed conversions")
    assert row.locator(".strip rect").count() > 2
    assert len(row.locator(".spark .to-private").get_attribute("d") or "") > 20


def test_row_leads_to_the_explorer(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(dashboard.url)
    page.get_by_role("link", name="demo-cvm").click()
    expect(page).to_have_url(re.compile(r"/vms/1$"))
    page.go_back()
    page.get_by_role("link", name="import").click()
    expect(page.get_by_role("heading", name="Import a recording")).to_be_visible()


def test_empty_database_shows_three_ways_in_until_something_arrives(
    open_page: OpenPage, tmp_path: Path
) -> None:
    database = tmp_path / "empty.db"
    with dashboard_over(database) as dashboard:
        page = open_page(dashboard.url)
        expect(page.get_by_role("heading", level=3)).to_have_text(["Simulate", "Import", "Record"])
        expect(page.locator("code").first).to_have_text("gmemscope simulate")
        assert simulate(database, "--events", "100").wait() == 0
        expect(page.get_by_role("link", name="demo-cvm")).to_be_visible()


HIDE = """isHidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_page_asks_for_nothing_until_it_is_seen(
    open_page: OpenPage, tmp_path: Path
) -> None:
    database = tmp_path / "hidden.db"
    with dashboard_over(database) as dashboard:
        page = open_page(dashboard.url)
        expect(page.get_by_role("heading", name="Simulate")).to_be_visible()
        other = open_page(dashboard.url)
        page.evaluate(HIDE, True)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        assert simulate(database, "--events", "100").wait() == 0
        expect(other.get_by_role("link", name="demo-cvm")).to_be_visible()
        assert asked == []
        page.evaluate(HIDE, False)
        expect(page.get_by_role("link", name="demo-cvm")).to_be_visible()


def test_live_recording_without_vms_states_why_it_is_empty(
    open_page: OpenPage, tmp_path: Path
) -> None:
    database = tmp_path / "fleet.db"
    header = RecordingHeader("kvm7 live", "tracefs", "kvm7", "mono", 0)
    engine = open_database(database)
    with dashboard_over(database) as dashboard:
        page = open_page(dashboard.url)
        with RecordingWriter(engine, header, is_live=True) as writer:
            expect(page.locator(".note")).to_contain_text("No VM has been seen yet")
            seen = writer.add_vm(replace(IDENTITY, uuid="5f3c2a1e-0000-4000-8000-000000000001"))
            found = replace(IDENTITY, created_t=None, created_certainty=Certainty.UNKNOWN)
            before = writer.add_vm(found)
            writer.append(before, counted(t=5, pages=[256, 256]))
            writer.append(before, counted(t=9, pages=[256, 512]))
            writer.end_vm(seen, 10, is_inferred=False)
            time.sleep(writer_module.LIVE_COMMIT_S)
            writer.advance(20)
            rows = page.locator("tbody tr")
            expect(rows).to_have_count(2)
            expect(page.locator(".note")).to_have_count(0)
            expect(rows.filter(has_text="creation not seen")).to_contain_text("3.0 MiB")
            expect(rows.filter(has_text="5f3c2a1e-0000-4000-8000-000000000001")).to_contain_text(
                ", ended"
            )
            expect(page.locator(".badge.live")).to_have_count(1)
        expect(page.locator(".badge.live")).to_have_count(0)
    engine.dispose()


def test_a_storm_is_shown_while_it_goes_on(open_page: OpenPage, tmp_path: Path) -> None:
    database = tmp_path / "stormy.db"
    engine = open_database(database)
    with dashboard_over(database) as dashboard:
        header = RecordingHeader("kvm7 live", "tracefs", "kvm7", "mono", 0)
        page = open_page(dashboard.url)
        with RecordingWriter(engine, header, is_live=True) as writer:
            calm, stormy = (writer.add_vm(replace(IDENTITY, name=n)) for n in ("calm", "stormy"))
            writer.append(calm, burst(5, 5.1))
            writer.append(stormy, burst(5, 7))
            time.sleep(writer_module.LIVE_COMMIT_S)
            writer.advance(7 * SECOND)
            row = page.get_by_role("row").filter(has_text="stormy")
            now = row.get_by_role("link", name="storm now: 4 000 conversions, 2 001/s")
            expect(now).to_have_attribute("href", f"/vms/{stormy}/storms/c0")
            expect(page.locator("tbody tr").first).to_contain_text("stormy")
            expect(page.locator(".badge.storm")).to_have_count(1)
            time.sleep(writer_module.LIVE_COMMIT_S)
            writer.advance(15 * SECOND)
            over = row.get_by_role("link", name="1 storm")
            expect(over).to_have_attribute("href", f"/vms/{stormy}/storms")
            expect(now).to_have_count(0)
    engine.dispose()


def counted(t: int, pages: list[int]) -> EventArray:
    events = np.zeros(len(pages), EVENT)
    events["kind"], events["t"], events["aux"] = EventKind.POPULATION, t, pages
    return events
