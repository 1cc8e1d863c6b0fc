"""A file chosen in the browser becomes a recording that one click shows."""

from collections.abc import Callable
from pathlib import Path

from browsing import dashboard_over
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]


def test_a_file_is_imported_and_shown(open_page: Callable[..., Page], tmp_path: Path) -> None:
    with dashboard_over(tmp_path / "empty.db") as dashboard:
        page = open_page(f"{dashboard.url}/import")
        chooser = page.get_by_label("Drop a file here, or choose one")
        nothing = tmp_path / "nothing.txt"
        nothing.write_text("nothing\n")
        chooser.set_input_files(nothing)
        expect(page.locator("#result .failed")).to_contain_text(
            "none of the formats known", timeout=60_000
        )
        chooser.set_input_files(ROOT / "docs" / "examples" / "convwork.dat")
        expect(page.get_by_text("Imported.")).to_be_visible(timeout=120_000)
        chooser.set_input_files(ROOT / "docs" / "examples" / "convwork.dat")
        expect(page.get_by_text("This file was imported already.")).to_be_visible(timeout=60_000)
        page.get_by_role("link", name="recording 1").click()
        expect(page.get_by_role("heading", name="convwork.dat")).to_be_visible()
