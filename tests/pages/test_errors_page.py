"""What goes wrong is shown where the person looks."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browsing import Complaints, Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]


@pytest.mark.parametrize("path", ["/vms/999", "/recordings/999", "/vms/none"])
def test_unknown_things_are_a_page_that_leads_home(dashboard: Dashboard, path: str) -> None:
    answer = httpx.get(dashboard.url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/"' in answer.text


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/vms/1/stretch?from=5&to=3", "to=3 is not after from=5."),
        ("/vms/1/stretch?from=x", "from: "),
        ("/vms/1/storms?min_calls=-1", "min_calls: "),
        ("/diff?vm=1&at=soon", "at: "),
    ],
)
def test_wrong_parameters_are_a_page_that_names_which(
    dashboard: Dashboard, path: str, why: str
) -> None:
    answer = httpx.get(dashboard.url + path)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert why in answer.text
    assert 'href="/"' in answer.text
    assert "Not Found" not in answer.text


def test_unknown_vm_names_what_is_missing(dashboard: Dashboard) -> None:
    assert "There is no VM 999." in httpx.get(f"{dashboard.url}/vms/999").text


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/foo", "/foo/bar", "/static/foo.html"])
def test_unknown_path_is_a_page_for_a_browser(dashboard: Dashboard, path: str) -> None:
    answer = httpx.get(dashboard.url + path, headers={"Accept": BROWSER})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert f"There is no page {path}." in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/foo", "*/*"),
        ("/foo", "application/json, text/html;q=0.9"),
        ("/api/v1/foo", BROWSER),
        ("/api/v1/vms/999", BROWSER),
    ],
)
def test_what_is_no_browser_or_asks_rest_gets_a_problem(
    dashboard: Dashboard, path: str, accept: str
) -> None:
    answer = httpx.get(dashboard.url + path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_unknown_path_is_text_not_markup(dashboard: Dashboard) -> None:
    answer = httpx.get(dashboard.url + "/%3Cb%3E", headers={"Accept": BROWSER})
    assert "<b>" not in answer.text


def test_server_that_goes_away_is_announced_and_what_was_shown_stays(
    open_page: OpenPage, simulated_database: Path, complaints: Complaints
) -> None:
    with dashboard_over(simulated_database) as dashboard:
        page = open_page(f"{dashboard.url}/vms/1")
        wait_until_drawn(page)
        first_label = page.locator("#map .xtick text").first
        before = first_label.text_content() or ""
        dashboard.stop()
        page.keyboard.press("w")
        banner = page.get_by_role("alert")
        expect(banner).to_contain_text("The server does not answer.")
        expect(banner).to_contain_text("Trying again.")
        expect(page.locator("#map image").first).to_be_attached()
        # What was moved towards the window that was asked for is back where its data is.
        expect(banner).to_contain_text("What you chose since then is shown when it answers.")
        expect(first_label).to_have_text(before)
    complaints.clear()


def test_pages_allow_no_inline_script(dashboard: Dashboard) -> None:
    for path in ("/", "/vms/1", "/recordings/1"):
        answer = httpx.get(dashboard.url + path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "<style" not in answer.text
        assert "style=" not in answer.text
        assert " onclick=" not in answer.text
