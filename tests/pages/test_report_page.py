"""A report opens from the disk, without a server, and draws its figures."""

from collections.abc import Callable
from pathlib import Path

from browsing import Dashboard
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from app import cli


def test_it_draws_without_a_server(
    open_page: Callable[..., Page], simulated_database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    arguments = ["report", "1", "-o", str(path), "--database", str(simulated_database)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    page = open_page(path.as_uri(), offline=True)
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    assert page.locator(".chart .plot:has(.main-svg)").count() == 8
    expect(page.locator("#overview-map image")).to_have_count(1)


def test_the_page_of_a_storm_offers_it(
    open_page: Callable[..., Page], dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms/1")
    with page.expect_download() as waited:
        page.get_by_role("link", name="redacted").click()
    assert waited.value.suggested_filename.endswith("-redacted.html")
    text = waited.value.path().read_text()
    assert "Redacted: names of hosts" in text
