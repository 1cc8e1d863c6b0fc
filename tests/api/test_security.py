"""Who may ask, and what browsers may do with the answers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.commands.errors import UsageError
from app.server import check_exposure
from app.settings import Settings

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
TOKEN = "correct horse"
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
        assert headers["referrer-policy"] == "no-referrer"
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


def test_without_the_token_only_the_health_is_told(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/", "/api/v1/vms", "/api/v1/openapi.json", "/metrics", "/static/none"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        wrong = client.get("/api/v1/vms", headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401


def test_a_person_without_the_token_reads_what_to_do(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        answer = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"].startswith("text/html")
        assert "open /login?token=... once in a browser" in answer.text


def test_with_the_token_everything_is_told_under_any_name(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        asked = client.get("/api/v1/vms", headers={**BEARER, "Host": "dashboard.example"})
        assert asked.status_code == 200


def test_a_browser_trades_the_token_for_a_cookie(serve: Serve, guarded: Settings) -> None:
    with serve(guarded) as client:
        assert client.get("/login", params={"token": "wrong"}).status_code == 401
        entered = client.get("/login", params={"token": TOKEN})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert TOKEN not in entered.headers["set-cookie"]
        assert client.get("/api/v1/vms").status_code == 200
