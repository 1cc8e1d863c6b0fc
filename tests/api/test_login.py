"""A browser shows the token once, gets a session, and can end it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from http.cookies import Morsel, SimpleCookie
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers

from app.access import cookie_name
from app.access._access import TOO_MANY, WRONG
from app.access._guesses import FREE, Guesses
from app.pages._login import local
from app.settings import Settings

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def guarded(small_database: Path) -> Settings:
    return Settings(
        database_url=str(small_database),
        host="0.0.0.0",
        token=SecretStr(TOKEN),
        wrong_token_delay_s=0.001,
    )


def enter(
    client: httpx.Client, token: str = TOKEN, to: str = "/", **headers: str
) -> httpx.Response:
    form = {"token": token, "to": to}
    return client.post("/login", data=form, headers={**HTML, **headers})


def given(answer: httpx.Response) -> Morsel[str]:
    """The one cookie that an answer gives."""
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return cookie


def test_a_person_without_the_token_gets_the_form_and_then_what_they_came_for(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        asked = client.get("/vms/1?from=1&to=900", headers=HTML)
        assert (asked.status_code, asked.headers["www-authenticate"]) == (401, "Bearer")
        assert 'name="to" value="/vms/1?from=1&amp;to=900"' in asked.text
        assert asked.headers["cache-control"] == "no-store"
        entered = enter(client, to="/vms/1?from=1&to=900")
        assert (entered.status_code, entered.headers["location"]) == (303, "/vms/1?from=1&to=900")
        assert "guest-a" in client.get(entered.headers["location"], headers=HTML).text


def test_what_the_form_looks_like_needs_no_token(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        form = client.get("/login", headers=HTML)
        assert form.status_code == 200
        for part in ("css/base.css", "css/login.css", "js/shared/theme.js", "img/icon.svg"):
            assert f"/static/{part}" in form.text
            assert client.get(f"/static/{part}").status_code == 200


def test_the_cookie_is_neither_the_token_nor_made_of_it(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        first, second = given(enter(client)), given(enter(client))
        assert first.value != second.value
        for cookie in (first, second):
            assert TOKEN not in cookie.value
            assert cookie["httponly"]
            assert cookie["samesite"] == "lax"
            assert not cookie["max-age"]
            assert not cookie["expires"]


def test_logging_out_ends_the_session_for_everybody_who_has_the_cookie(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        entered = given(enter(client))
        cookie = {"Cookie": f"{entered.key}={entered.value}"}
        assert "Log out" in client.get("/", headers=HTML).text
        left = client.post("/logout")
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert client.get("/api/v1/vms").status_code == 401
        assert httpx.get(client.base_url.join("/api/v1/vms"), headers=cookie).status_code == 401


def test_who_never_logged_in_is_offered_no_log_out(
    client: httpx.Client, serve: Serve, guarded: Settings
) -> None:
    assert "Log out" not in client.get("/").text
    with serve(guarded) as other:
        assert "Log out" not in other.get("/", headers=BEARER).text
        assert "Log out" not in other.get("/login").text


def test_two_dashboards_of_a_host_keep_their_logins_apart(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as one, serve(guarded) as other:
        cookies = [given(enter(client)) for client in (one, other)]
        both = {cookie.key: cookie.value for cookie in cookies}  # as a browser: ports are no matter
        for client in (one, other):
            address = client.base_url.join("/api/v1/vms")
            assert httpx.get(address, cookies=both).status_code == 200


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("dashboard.example:8000", "gmemscope_session_8000"),
        ("[::1]:8000", "gmemscope_session_8000"),
        ("dashboard.example", "gmemscope_session"),
        ("[::1]", "gmemscope_session"),
        ("a:b;c=d", "gmemscope_session"),
        ("", "gmemscope_session"),
    ],
)
def test_the_cookies_name_has_the_port_that_the_browser_asks(host: str, name: str) -> None:
    assert cookie_name(Headers({"host": host})) == name


def test_a_session_is_no_bearer_and_the_token_is_no_session(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        entered = given(enter(client))
        name, session = entered.key, entered.value
        client.cookies.clear()
        for headers in (
            {"Authorization": f"Bearer {session}"},
            {"Cookie": f"{name}={TOKEN}"},
            {"Cookie": f"{name}={session}x"},
            {"Cookie": f"gmemscope_token={TOKEN}"},
            {"Cookie": f'{name}="'},
            {"Cookie": "; =;;"},
            {"Authorization": "Bearer"},
            {"Authorization": f"Basic {TOKEN}"},
        ):
            assert client.get("/api/v1/vms", headers=headers).status_code in (401, 429), headers


def test_a_link_of_an_earlier_version_works_and_leaves_no_token_in_the_address(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        entered = client.get("/login", params={"token": TOKEN}, headers=HTML)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert entered.headers["cache-control"] == "no-store"
        assert client.get("/api/v1/vms").status_code == 200


def test_a_wrong_token_is_refused_as_wrong(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        for answer in (
            enter(client, "no-token-of-this-dashboard"),
            client.get("/login", params={"token": "wrong"}, headers=HTML),
            client.post("/login", data={"to": "/"}, headers=HTML),
        ):
            assert answer.status_code == 401
            assert f"{WRONG[0].upper()}{WRONG[1:]}." in answer.text
            assert 'role="alert"' in answer.text
            assert "set-cookie" not in answer.headers


@pytest.fixture
def unforgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forgotten meanwhile, however slow the machine is."""
    monkeypatch.setattr("app.access._access.Guesses", lambda delay_s: Guesses(delay_s, lambda: 0.0))


def test_wrong_tokens_are_slowed_down_and_right_ones_never(
    serve: Serve, guarded: Settings, unforgiving: None
) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    with serve(guarded) as client:
        answers = [client.get("/api/v1/vms", headers=wrong) for _ in range(FREE + 2)]
        assert [answer.status_code for answer in answers] == [401] * FREE + [429] * 2
        assert answers[-1].json()["detail"] == TOO_MANY
        assert enter(client, "wrong").status_code == 429
        assert client.get("/api/v1/vms", headers=BEARER).status_code == 200
        assert enter(client).status_code == 303


def test_only_a_trusted_proxy_states_who_asks_and_that_there_is_tls(
    serve: Serve, guarded: Settings
) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    with serve(guarded) as client:
        assert not given(enter(client, **forwarded))["secure"]
    with serve(guarded.model_copy(update={"trusted_proxies": "192.0.2.7,127.0.0.1"})) as client:
        assert given(enter(client, **forwarded))["secure"]
        assert not given(enter(client))["secure"]


@pytest.mark.parametrize(
    ("proxies", "of_one", "of_another"), [("", 429, 429), ("127.0.0.1", 429, 401)]
)
def test_who_guesses_is_whom_a_trusted_proxy_names_and_nobody_names_himself(
    serve: Serve, guarded: Settings, unforgiving: None, proxies: str, of_one: int, of_another: int
) -> None:
    def guess(client: httpx.Client, address: str) -> int:
        headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": address}
        return client.get("/api/v1/vms", headers=headers).status_code

    with serve(guarded.model_copy(update={"trusted_proxies": proxies})) as client:
        assert [guess(client, "192.0.2.1") for _ in range(FREE)] == [401] * FREE
        assert guess(client, "192.0.2.1") == of_one
        assert guess(client, "192.0.2.2") == of_another


def test_what_is_no_form_is_refused(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        assert client.post("/login", json={"token": TOKEN}).status_code == 415
        too_long = client.post("/login", data={"token": "x" * (1 << 17)})
        assert too_long.status_code == 413


def test_where_no_token_is_needed_there_is_nothing_to_log_into(client: httpx.Client) -> None:
    assert client.get("/login").headers["location"] == "/"
    assert client.post("/login", data={"token": "x"}).headers["location"] == "/"


def test_a_part_of_a_page_whose_session_ended_loads_the_page_anew(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        answer = client.get("/home/hosts", headers={**HTML, "HX-Request": "true"})
        assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/login?token=x",
    ],
)
def test_nobody_is_sent_elsewhere(to: str) -> None:
    assert local(to) == "/"


def test_our_own_addresses_are_gone_on_to() -> None:
    assert local("/diff?vm=1&at=5") == "/diff?vm=1&at=5"
