"""Who may ask, and what browsers may do with the answers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.errors import UsageError
from app.serving import load_settings
from app.serving._server import check_exposure
from app.settings import SHORTEST_TOKEN, Settings

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def guarded(small_database: Path) -> Settings:
    return Settings(database_url=str(small_database), host="0.0.0.0", token=SecretStr(TOKEN))


def test_every_answer_is_held_to_this_origin(client: httpx.Client) -> None:
    for path in ("/healthz", "/api/v1/vms", "/api/v1/vms/99", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; ")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""]
)
def test_a_strange_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/v1/vms", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_the_machines_own_names_are_known(client: httpx.Client, host: str) -> None:
    assert client.get("/api/v1/vms", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "dashboard.example"])
def test_listening_to_others_demands_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="set a token in GMEMSCOPE_TOKEN"):
        check_exposure(Settings(host=host, token=None))
    check_exposure(Settings(host=host, token=SecretStr(TOKEN)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_listening_to_this_machine_demands_none(host: str) -> None:
    check_exposure(Settings(host=host, token=None))


def test_without_the_token_only_the_health_is_known(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        assert client.get("/healthz").status_code == 200
        for path in (
            "/",
            "/api/v1/vms",
            "/api/v1/openapi.json",
            "/metrics",
            "/static/none",
            "/logout",
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        wrong = client.get("/api/v1/vms", headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401


def test_with_the_token_everything_is_answered_under_any_name(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        asked = client.get("/api/v1/vms", headers={**BEARER, "Host": "dashboard.example"})
        assert asked.status_code == 200


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "an empty token would let everybody in"),
        ("x" * (SHORTEST_TOKEN - 1), "a token of 15 characters can be guessed"),
        ("a token with spaces", "without spaces"),
        ("ein-schönes-langes-token", "of ASCII letters"),
        ("a-token-of-two\nlines-is-none", "without spaces"),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str, token: str, said: str
) -> None:
    monkeypatch.setenv("GMEMSCOPE_TOKEN", token)
    with pytest.raises(UsageError, match=f"^GMEMSCOPE_TOKEN: .*{said}") as refused:
        load_settings(host, 8000)
    assert token == "" or token not in str(refused.value)


def test_any_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GMEMSCOPE_UPLOAD_LIMIT_BYTES", "much")
    with pytest.raises(UsageError, match=r"^GMEMSCOPE_UPLOAD_LIMIT_BYTES: .*valid integer"):
        load_settings("127.0.0.1", 8000)


CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Origin": ""},
]
CHANGES = [
    ("POST", "/api/v1/vms/1/notes"),
    ("PATCH", "/api/v1/vms/1/notes/1"),
    ("DELETE", "/api/v1/vms/1/notes/1"),
    ("DELETE", "/api/v1/recordings/1"),
    ("POST", "/recordings/1/delete"),
    ("PUT", "/api/v1/vms/1/notes/1"),
    ("POST", "/api/v1/imports?name=x.dat"),
    ("DELETE", "/api/v1/imports/1"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/"),
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_another_site_changes_nothing(
    client: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_site_changes_nothing_with_the_token_either(
    serve: Serve, guarded: Settings
) -> None:
    with serve(guarded) as client:
        for headers in CROSS_SITE:
            answer = client.delete("/api/v1/vms/1/notes/1", headers={**BEARER, **headers})
            assert answer.status_code == 403


def test_our_own_pages_and_what_is_no_browser_may_change_things(client: httpx.Client) -> None:
    own = f"http://{client.base_url.netloc.decode()}"
    for headers in (
        {},
        {"Origin": own},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        # Behind a proxy that changes Host: the browser knows better than we do.
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://dashboard.example"},
    ):
        assert client.delete("/api/v1/imports/1", headers=headers).status_code == 404


def test_another_site_may_link_here(client: httpx.Client) -> None:
    assert client.get("/", headers=CROSS_SITE[2]).status_code == 200
