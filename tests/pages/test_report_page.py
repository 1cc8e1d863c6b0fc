"""A report opens from the disk, without a server, and draws its figures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from app import cli
from tests.browsing import Dashboard, eventually


@pytest.fixture
def report(simulated_database: Path, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    arguments = ["report", "1", "-o", str(path), "--database", str(simulated_database)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    return path


def test_it_draws_without_a_server(open_page: Callable[..., Page], report: Path) -> None:
    page = open_page(report.as_uri(), offline=True)
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    assert page.locator(".chart .plot:has(.main-svg)").count() == 8
    expect(page.locator("#overview-map image")).to_have_count(1)


def test_zooming_a_figure_zooms_those_of_its_chapter_alone(
    open_page: Callable[..., Page], report: Path
) -> None:
    page = open_page(report.as_uri(), offline=True)
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    figures = page.locator(".plot:has(.main-svg)")

    def ranges() -> list[list[float]]:
        shown: list[list[float]] = figures.evaluate_all(
            "all => all.map((one) => one._fullLayout.xaxis.range)"
        )
        return shown

    before = ranges()
    place = page.locator("#overview-timeline .nsewdrag").bounding_box()
    assert place is not None
    y = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + 200, y)
    page.mouse.down()
    page.mouse.move(place["x"] + 400, y, steps=4)
    page.mouse.up()
    eventually(page, lambda: ranges()[0] != before[0] and ranges()[1] != before[1])
    page.set_viewport_size({"width": 900, "height": 700})  # each figure is laid out anew
    last = page.locator(".plot .main-svg").last
    eventually(page, lambda: (last.bounding_box() or {"width": 1440})["width"] < 900)
    after = ranges()
    start, end = after[0]
    assert end - start < 0.4 * (before[0][1] - before[0][0])
    assert after[1] == pytest.approx([start, end]), "the map below it"
    for now, then in zip(after[2:], before[2:], strict=True):
        assert now == pytest.approx(then, rel=0.01)  # room for a marker at the rim


def test_on_paper_it_is_light_and_whole(open_page: Callable[..., Page], report: Path) -> None:
    page = open_page(report.as_uri(), offline=True, color_scheme="dark")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 without its margins
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).printColorAdjust") == "exact"
    cut = page.locator("table").evaluate_all(
        "all => all.filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)"
        ".map((one) => one.parentElement.getAttribute('aria-labelledby'))"
    )
    assert cut == []


def test_the_page_of_a_storm_offers_it(
    open_page: Callable[..., Page], dashboard: Dashboard
) -> None:
    page = open_page(f"{dashboard.url}/vms/1/storms/1")
    with page.expect_download() as waited:
        page.get_by_role("link", name="redacted").click()
    assert waited.value.suggested_filename.endswith("-redacted.html")
    text = waited.value.path().read_text()
    assert "Redacted: this file holds counts" in text
