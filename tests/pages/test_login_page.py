"""Logging in and out by keyboard, in a real Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from app.settings import Settings
from tests.browsing import Complaints, Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]
TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def guarded(simulated_database: Path) -> Iterator[Dashboard]:
    """As if it listened to others: any name is its own."""
    settings = Settings(
        database_url=str(simulated_database),
        host="0.0.0.0",
        token=SecretStr(TOKEN),
        wrong_token_delay_s=0,
    )
    with dashboard_over(simulated_database, settings) as running:
        yield running


def logged_out(page: Page) -> None:
    """At /login, or where the page was: what it asked meanwhile got 401, and reloads it."""
    expect(page.get_by_label("Token")).to_be_visible()


def test_by_keyboard_through_the_form_to_what_was_asked_for_and_out_again(
    guarded: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    address = f"{guarded.url}/vms/1?t=16000000000"
    page = open_page(address, viewport={"width": 1440, "height": 900})
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("a-token-of-something-else")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "This is not the token that the dashboard was started with."
    )
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    complaints.clear()  # of the 401s
    page.keyboard.type(TOKEN)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}**")
    wait_until_drawn(page)
    assert TOKEN not in page.content()
    page.get_by_role("button", name="Log out").click()
    logged_out(page)
    page.goto(address)
    expect(page.get_by_label("Token")).to_be_visible()
    page.close()
    complaints.clear()  # of the session's end, in the page that was left


def test_a_page_whose_session_ended_asks_for_the_token_and_leads_back(
    guarded: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    page = open_page(f"{guarded.url}/login?to=/vms/1", viewport={"width": 1440, "height": 900})
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    wait_until_drawn(page)
    page.context.clear_cookies()
    page.keyboard.press("m")
    expect(page.get_by_label("Token")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    wait_until_drawn(page)
    assert "measure=" in page.url
    page.close()
    complaints.clear()  # of the 401


def test_a_log_out_that_another_site_sends_does_nothing(
    guarded: Dashboard, open_page: OpenPage, tmp_path: Path, complaints: Complaints
) -> None:
    page = open_page(f"{guarded.url}/login", viewport={"width": 1440, "height": 900})
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()
    elsewhere = tmp_path / "evil.html"
    elsewhere.write_text(f'<form method="post" action="{guarded.url}/logout"><button>x</button>')
    page.goto(elsewhere.as_uri())
    page.get_by_role("button").click()
    page.get_by_text("another web site asked", exact=False).wait_for()
    complaints.clear()  # of the 403
    page.goto(guarded.url)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_over_plain_http_from_elsewhere_the_forms_are_known_by_their_origin(
    guarded: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    """Chromium sends Sec-Fetch-Site to none but this machine and TLS."""
    elsewhere = guarded.url.replace("127.0.0.1", "0.0.0.0")
    page = open_page(f"{elsewhere}/login", viewport={"width": 1440, "height": 900})
    page.get_by_label("Token").fill(TOKEN)
    with page.expect_request("**/login") as entered:
        page.keyboard.press("Enter")
    headers = entered.value.all_headers()
    assert "sec-fetch-site" not in headers
    assert headers["origin"] == elsewhere
    page.get_by_role("button", name="Log out").click()
    logged_out(page)
    page.close()
    complaints.clear()  # of the session's end, in the page that was left
