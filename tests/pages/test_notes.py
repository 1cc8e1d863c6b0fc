"""Notes in the explorer: written by key or button, pinned, changed, shared, never lost."""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.store.database import _connecting as connecting
from tests.browsing import (
    Complaints,
    Dashboard,
    dashboard_over,
    eventually,
    query_of,
    settled,
    wait_until_drawn,
)

OpenPage = Callable[..., Page]

MARKUP = "<img src=x onerror=alert(1)> & so on"


@pytest.fixture(scope="module")
def path(simulated_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, for other tests count what they see."""
    copy = tmp_path_factory.mktemp("notes") / "noted.db"
    shutil.copy(simulated_database, copy)
    return copy


@pytest.fixture(scope="module")
def noted(path: Path) -> Iterator[Dashboard]:
    with dashboard_over(path) as running:
        yield running


@pytest.fixture
def api(noted: Dashboard) -> Iterator[str]:
    """Where the notes are; gone afterwards."""
    address = f"{noted.url}/api/v1/vms/1/notes"
    yield address
    for note in httpx.get(address).json()["items"]:
        httpx.delete(f"{address}/{note['id']}")


@pytest.fixture
def explorer(open_page: OpenPage, noted: Dashboard, api: str) -> Callable[..., Page]:
    def open_explorer(query: str = "", **options: object) -> Page:
        page = open_page(f"{noted.url}/vms/1{query}", **options)
        wait_until_drawn(page)
        return page

    return open_explorer


def notes_at(api: str) -> list[dict[str, object]]:
    items: list[dict[str, object]] = httpx.get(api).json()["items"]
    return items


def test_a_key_writes_a_note_about_the_page_at_the_cursor(
    explorer: Callable[..., Page], api: str
) -> None:
    page = explorer("?t=20000000000&gpa=0x120000123")
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="A note")
    expect(dialog.get_by_label("the page at the cursor")).to_be_checked()
    expect(dialog.get_by_label("text")).to_be_focused()
    page.keyboard.type(MARKUP)  # none of these letters is a command now
    page.get_by_label("your name, if you like").fill("Ann")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#notes li")).to_have_count(1)
    expect(page.locator(".note-text")).to_have_text(MARKUP)
    expect(page.locator(".note-foot")).to_contain_text("Ann, 20")
    expect(page.locator("#notes-status")).to_have_text("Saved.")
    (note,) = notes_at(api)
    assert (note["from"], note["to"]) == (20_000_000_000, None)
    assert (note["gpa_from"], note["gpa_to"]) == ("0x120000000", "0x120001000")
    assert query_of(page).keys() == {"t", "gpa"}


def test_what_is_shown_can_be_noted_and_the_link_shows_it_again(
    explorer: Callable[..., Page], api: str
) -> None:
    shown = "?from=16000000000&to=18000000000&gpa_from=0x120000000&gpa_to=0x140000000"
    page = explorer(shown)
    page.get_by_role("button", name="add a note").click()
    page.get_by_label("text").fill("a storm")
    page.get_by_role("button", name="save").click()
    expect(page.locator("#notes li")).to_have_count(1)
    settled(page, lambda: page.keyboard.press("0"))
    for overlay in ("#timeline-overlay", "#map-overlay"):
        expect(page.locator(f"{overlay} .pin")).to_have_text("1")
        expect(page.locator(f"{overlay} .pin")).to_have_attribute("title", re.compile("a storm"))
    box = page.locator("#map-overlay .pin-place").bounding_box()
    assert box is not None
    assert box["width"] > 20
    link = page.locator(".note-place")
    settled(page, link.click)
    expect(link).to_have_attribute("aria-current", "true")
    assert "?" + "&".join(f"{k}={v}" for k, v in query_of(page).items()) == shown
    page.go_back()
    wait_until_drawn(page)
    eventually(page, lambda: query_of(page) == {})


def test_a_pin_shows_its_note_and_starts_no_drag(explorer: Callable[..., Page], api: str) -> None:
    for t in (20_000_000_000, 20_010_000_000):
        httpx.post(api, json={"from": t, "text": f"at {t}"})
    page = explorer("?from=19000000000&to=23000000000")
    pins = page.locator("#timeline-overlay .pin")
    expect(pins).to_have_count(2)
    boxes = "pins => pins.map(pin => pin.getBoundingClientRect().toJSON())"
    first, second = pins.evaluate_all(boxes)
    assert second["bottom"] <= first["top"] + 1  # one above the other
    settled(page, pins.nth(1).click)
    assert query_of(page) == {"from": "19000000000", "to": "23000000000", "t": "20010000000"}
    expect(page.locator(".note-place").nth(1)).to_have_attribute("aria-current", "true")
    page.goto(page.url.split("?")[0] + "?from=40000000000&to=41000000000")
    wait_until_drawn(page)
    expect(pins).to_have_count(0)
    settled(page, page.locator(".note-place").first.click)
    query = query_of(page)
    assert int(query["from"]) <= 20_000_000_000 < int(query["to"])
    assert int(query["to"]) - int(query["from"]) == 1_000_000_000


def test_a_note_is_changed_and_deleted(explorer: Callable[..., Page], api: str) -> None:
    httpx.post(api, json={"from": 20_000_000_000, "text": "slow", "author": "Ann"})
    page = explorer()
    page.get_by_role("button", name="edit the note").click()
    text = page.get_by_label("text")
    expect(text).to_have_value("slow")
    text.fill("fast")
    page.get_by_role("button", name="save").click()
    expect(page.locator(".note-text")).to_have_text("fast")
    (note,) = notes_at(api)
    assert (note["author"], note["from"], note["revision"]) == ("Ann", 20_000_000_000, 2)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="delete the note").click()
    expect(page.locator("#notes li")).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="delete the note").click()
    expect(page.locator("#notes li")).to_have_count(0)
    expect(page.locator("#no-notes")).to_be_visible()
    expect(page.locator(".pin")).to_have_count(0)
    assert notes_at(api) == []


@pytest.fixture
def impatient(path: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    """It waits for no lock."""
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 50)
    with dashboard_over(path) as running:
        yield running


def test_text_survives_a_locked_database_and_a_reload(
    impatient: Dashboard, open_page: OpenPage, path: Path, complaints: Complaints
) -> None:
    page = open_page(f"{impatient.url}/vms/1")
    wait_until_drawn(page)
    page.keyboard.press("n")
    page.keyboard.type("not to be lost")
    save, problem = page.get_by_role("button", name="save"), page.locator("#note-problem")
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        save.click()
        expect(problem).to_contain_text("another process holds the database locked")
    expect(problem).to_contain_text("Your text stays here")
    expect(page.get_by_label("text")).to_have_value("not to be lost")
    eventually(page, lambda: bool(complaints))  # the 503 itself is on the console
    complaints.clear()
    page.reload()
    wait_until_drawn(page)
    page.keyboard.press("n")
    expect(page.get_by_label("text")).to_have_value("not to be lost")
    save.click()
    expect(page.locator(".note-text")).to_have_text("not to be lost")
    page.keyboard.press("n")
    expect(page.get_by_label("text")).to_have_value("")


def test_two_people_see_each_others_notes_and_overwrite_none_unknowingly(
    explorer: Callable[..., Page], api: str, complaints: Complaints
) -> None:
    location = httpx.post(api, json={"from": 20_000_000_000, "text": "one"}).headers["location"]
    page = explorer()
    expect(page.locator(".note-text")).to_have_text("one")
    page.get_by_role("button", name="edit the note").click()
    other = api.removesuffix("/api/v1/vms/1/notes") + location
    httpx.patch(other, json={"revision": 1, "text": "two"}).raise_for_status()
    expect(page.locator(".note-text")).to_have_text("two")  # by itself
    page.get_by_label("text").fill("three")
    page.get_by_role("button", name="save").click()
    expect(page.locator("#note-problem")).to_contain_text("Somebody has changed this note")
    eventually(page, lambda: bool(complaints))  # the 409 itself is on the console
    complaints.clear()
    assert notes_at(api)[0]["text"] == "two"
    page.get_by_role("button", name="save").click()
    expect(page.locator(".note-text")).to_have_text("three")


def test_the_page_of_a_storm_has_the_notes_about_it(
    open_page: OpenPage, noted: Dashboard, api: str
) -> None:
    for t, text in ((18_000_000_000, MARKUP), (50_000_000_000, "much later")):
        httpx.post(api, json={"from": t, "text": text}).raise_for_status()
    page = open_page(f"{noted.url}/vms/1/stretch?from=17000000000&to=19000000000")
    expect(page.locator(".written")).to_have_text([MARKUP])


def test_the_help_lists_the_key(explorer: Callable[..., Page]) -> None:
    page = explorer()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("write a note")
    page.keyboard.press("n")
    expect(page.get_by_role("dialog", name="A note")).to_be_hidden()
