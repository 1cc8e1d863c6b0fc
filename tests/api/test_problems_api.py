"""Every error has one shape."""

import httpx
import pytest

from app.http.answers import Problem
from app.store.checksums import RowsDamagedError
from app.store.errors import StoreError
from app.store.read import Reader


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/api/v1/vms/99", 404, "there is no VM 99"),
        ("/api/v1/vms/99/memslots", 404, "there is no VM 99"),
        ("/api/v1/vms/99/state", 404, "there is no VM 99"),
        ("/api/v1/vms/99/events", 404, "there is no VM 99"),
        ("/api/v1/vms?recording=99", 404, "there is no recording 99"),
        ("/api/v1/recordings/99", 404, "there is no recording 99"),
        ("/api/v1/recordings/99/losses", 404, "there is no recording 99"),
        ("/api/v1/nothing", 404, "Not Found"),
        ("/api/v1/vms/one", 422, "vm_id: Input should be a valid integer"),
        ("/api/v1/vms/1/state?at=-1", 422, "at: Input should be greater than or equal to 0"),
        ("/api/v1/vms/1/state?gpa_from=12g", 422, "gpa_from: '12g' is no address"),
        ("/api/v1/recordings/1/coverage.csv", 406, "application/json only"),
    ],
)
def test_an_error_is_a_problem(client: httpx.Client, path: str, status: int, detail: str) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.type == "about:blank"
    assert detail in problem.detail
    assert problem.instance == path.partition("?")[0].removesuffix(".csv")


HUGE = 1 << 63


@pytest.mark.parametrize(
    "path",
    [
        f"vms/{HUGE}",
        f"vms/{HUGE}/events",
        f"vms?recording={HUGE}",
        f"recordings/{HUGE}",
        f"recordings/1/losses?from={HUGE}",
        f"vms/1/notes?to={HUGE}",
        f"vms/1/notes/{HUGE}",
        f"vms/1/memslots?at={HUGE}",
        f"vms/1/state?at={HUGE}",
        f"diff?vm={HUGE}",
        f"diff?vm=1&at={HUGE}",
    ],
)
def test_what_no_database_holds_is_refused(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 422
    assert f"less than {HUGE}" in answer.json()["detail"]


def test_a_method_that_is_none_is_a_problem(client: httpx.Client) -> None:
    answer = client.post("/api/v1/vms")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_bug_tells_the_client_nothing_but_that(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Reader) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(Reader, "hosts", fail)
    answer = httpx.get(client.base_url.join("/readyz"))  # the server closes this connection

    assert answer.status_code == 500
    assert answer.json()["detail"] == "gmemscope failed to answer; the server's log names where"
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_a_database_that_cannot_be_read_is_a_problem(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Reader) -> None:
        raise StoreError("gmemscope.db: the disk reported an input/output error")

    monkeypatch.setattr(Reader, "hosts", fail)
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["detail"] == "gmemscope.db: the disk reported an input/output error"


def test_damage_is_no_reason_to_ask_again(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Reader) -> None:
        raise RowsDamagedError("the memslots of VM 3")

    monkeypatch.setattr(Reader, "hosts", fail)
    answer = client.get("/readyz")

    assert answer.status_code == 500
    assert "the database is damaged: the memslots of VM 3" in answer.json()["detail"]
