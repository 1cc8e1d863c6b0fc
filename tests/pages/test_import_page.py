"""A file chosen in the browser becomes a recording that one click shows."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import dashboard_over, take_requests
from tests.serving import importing

ROOT = Path(__file__).parents[2]


def test_a_file_is_imported_and_shown(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import")
        chooser = page.get_by_label("Drop files here, or choose some")
        nothing = tmp_path / "nothing.txt"
        nothing.write_text("nothing\n")
        chooser.set_input_files(nothing)
        expect(page.locator(".result .failed")).to_contain_text("none of the formats known")
        chooser.set_input_files(ROOT / "docs" / "examples" / "convwork.dat")
        expect(page.get_by_text("Imported.")).to_be_visible()
        chooser.set_input_files(ROOT / "docs" / "examples" / "convwork.dat")
        expect(page.get_by_text("This file was imported already.")).to_be_visible()
        page.get_by_role("link", name="recording 1").first.click()
        expect(page.get_by_role("heading", name="convwork.dat")).to_be_visible()


def focused(page: Page) -> str:
    name: str = page.evaluate("document.activeElement.id || document.activeElement.textContent")
    return name


def hear_choosers(page: Page) -> None:
    """From now on: what begins to listen as a key is pressed may come too late."""
    page.on("filechooser", lambda _: None)
    page.evaluate("0")


def choose(page: Page, key: str, path: Path) -> None:
    """By keys alone."""
    with page.expect_file_chooser() as waited:
        page.keyboard.press(key)
    waited.value.set_files(path)


def test_keys_alone_import_a_file(open_page: Callable[..., Page], tmp_path: Path) -> None:
    foreign = tmp_path / f"{'a-name-without-a-place-to-break' * 6}.txt"
    foreign.write_text("nothing\n")
    damaged = tmp_path / "damaged.dat"
    whole = (ROOT / "docs" / "examples" / "convwork.dat").read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import", viewport={"width": 390, "height": 800})
        hear_choosers(page)
        for _ in range(4):
            page.keyboard.press("Tab")
        assert focused(page) == "file"
        choose(page, "Enter", foreign)
        expect(page.get_by_role("alert")).to_contain_text("none of the formats")
        expect(page.get_by_label("Drop files here")).to_be_focused()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        choose(page, "Space", damaged)
        expect(page.get_by_role("link", name="recording 1")).to_be_focused()
        entry = page.get_by_role("listitem").filter(has_text="damaged.dat, ")
        expect(entry.get_by_role("alert")).not_to_be_empty()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="damaged.dat")).to_be_visible()


def test_an_import_is_cancelled_by_a_key(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import")
        take_requests(page, "**/api/v1/imports?*", lambda _: None)  # sent, and never answered
        hear_choosers(page)
        page.get_by_label("Drop files here").focus()
        choose(page, "Enter", ROOT / "docs" / "examples" / "convwork.dat")
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Cancelled: nothing was kept.")).to_be_visible()
        expect(page.get_by_label("Drop files here")).to_be_focused()


def test_a_file_over_the_limit_is_not_sent(
    open_page: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GMEMSCOPE_UPLOAD_LIMIT_BYTES", "1024")
    large = tmp_path / "large.dat"
    large.write_bytes(bytes(2048))
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.get_by_label("Drop files here").set_input_files(large)
        expect(page.get_by_role("alert")).to_contain_text("the limit here is 1.0 KiB")
        assert "POST" not in sent


def test_several_files_queue_and_show_their_place(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    line = "1000 2000 7 7 vmm CREATE_VM fd=3 type=0 ret=5\n"
    conversion = (
        "3000 4000 7 7 vmm SET_MEMORY_ATTRIBUTES fd=5 address=0x0 size=0x1000 attributes=0x8"
        " flags=0x0 ret=0\n"
    )
    files = []
    for name, count in (("long", 20_000), ("second", 1), ("third", 2)):
        path = tmp_path / f"{name}.txt"
        path.write_text(f"# conv.bt v1\n{line}{conversion * count}")
        files.append(path)
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import")
        page.get_by_label("Drop files here").set_input_files(files[:1])
        entry = page.get_by_role("listitem").filter(has_text="long.txt")
        expect(entry.get_by_text("calls")).to_be_visible()
        (process,) = importing("long.txt")
        os.kill(process, signal.SIGSTOP)  # it takes as long as this test needs
        page.get_by_label("Drop files here").set_input_files(files[1:])
        waiting = page.get_by_role("listitem").filter(has_text="second.txt")
        expect(waiting.get_by_text("imported first")).to_be_visible()
        page.reload()  # what is under way is there still
        third = page.get_by_role("listitem").filter(has_text="third.txt")
        third.get_by_role("button", name="Cancel").click()
        expect(third.get_by_text("Cancelled: nothing was kept.")).to_be_visible()
        expect(waiting.get_by_text("waits: one other is imported first")).to_be_visible()
        os.kill(process, signal.SIGCONT)
        expect(waiting.get_by_text("Imported.")).to_be_visible()
