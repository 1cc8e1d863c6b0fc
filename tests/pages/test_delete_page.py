"""A recording is deleted from its page: by keyboard, without scripts, and only when it is meant."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.write import RecordingWriter
from tests.browsing import Dashboard, dashboard_over
from tests.small_guest import write_small_recording
from tests.store.histories import IDENTITY, random_events

OpenPage = Callable[..., Page]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "gmemscope.db"
    write_small_recording(written)
    write_small_recording(written)
    return written


@pytest.fixture
def own(path: Path) -> Iterator[Dashboard]:
    with dashboard_over(path) as dashboard:
        yield dashboard


def left(path: Path) -> list[int]:
    engine = open_database(path, read_only=True)
    ids = [recording.id for recording in Reader(engine).recordings()]
    engine.dispose()
    return ids


def test_by_keyboard_alone(own: Dashboard, path: Path, open_page: OpenPage) -> None:
    page = open_page(f"{own.url}/recordings/1")
    expect(page.get_by_text(" KiB of the database, ended ")).to_be_visible()
    page.get_by_role("link", name="Delete this recording…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Delete “small”?")).to_be_visible()
    facts = page.locator(".facts")
    expect(facts).to_contain_text("2: guest-a, guest-b")
    assert facts.locator("dt:text-is('events') + dd").inner_text() == "10"
    expect(facts.locator("dt:text-is('size') + dd")).to_contain_text("KiB in 12 rows")
    expect(facts.locator("dt:text-is('age') + dd")).to_contain_text("ended ")
    assert left(path) == [1, 2]
    page.locator("h1").click()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Delete for good")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{own.url}/?deleted=1")
    expect(page.get_by_role("status")).to_have_text("Recording “small” was deleted.")
    expect(page.locator(".vms tbody tr")).to_have_count(2)
    expect(page.locator("a[href='/recordings/1']")).to_have_count(0)
    assert left(path) == [2]


def test_without_scripts(own: Dashboard, path: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{own.url}/recordings/1")
    page.get_by_role("link", name="Delete this recording…").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_have_text("Recording “small” was deleted.")
    context.close()
    assert left(path) == [2]


def test_other_tabs_see_that_it_is_gone(own: Dashboard, open_page: OpenPage) -> None:
    home = open_page(own.url)
    expect(home.locator(".vms tbody tr")).to_have_count(4)
    assert httpx.delete(f"{own.url}/api/v1/recordings/1").status_code == 204
    expect(home.locator(".vms tbody tr")).to_have_count(2)
    expect(home.locator("a[href='/recordings/1']")).to_have_count(0)


def test_who_does_not_mean_it_is_led_back(own: Dashboard, path: Path, open_page: OpenPage) -> None:
    page = open_page(f"{own.url}/recordings/1/delete")
    page.get_by_role("link", name="Keep it").click()
    expect(page).to_have_url(f"{own.url}/recordings/1")
    assert left(path) == [1, 2]


def test_what_is_being_written_has_no_button(own: Dashboard, path: Path) -> None:
    engine = open_database(path)
    header = RecordingHeader("live <b>", "tracefs", "host", "mono", 0)
    with RecordingWriter(engine, header, is_live=True) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(10))
        address = f"{own.url}/recordings/{writer.recording_id}/delete"
        asked = httpx.get(address)
        assert asked.status_code == 200
        assert "being written now" in asked.text
        assert "<button class" not in asked.text
        assert "live &lt;b&gt;" in asked.text
        refused = httpx.post(address)
        assert refused.status_code == 409
        assert "is still being written, by process" in refused.text
    engine.dispose()
    assert left(path) == [1, 2, 3]


def test_a_link_cannot_claim_that_something_was_deleted(own: Dashboard) -> None:
    for claim in ("2", "99", "x", "9" * 5000, "<b>", "٣", "", "-1"):
        answer = httpx.get(own.url, params={"deleted": claim})
        assert answer.status_code == 200
        assert "was deleted" not in answer.text


def test_what_is_not_there_cannot_be_deleted(own: Dashboard) -> None:
    for ask in (httpx.get, httpx.post):
        answer = ask(f"{own.url}/recordings/9/delete")
        assert answer.status_code == 404
        assert "There is no recording 9." in answer.text
