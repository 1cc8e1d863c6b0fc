"""Several imports at once: they queue, none holds up another, each can be cancelled any time."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.serving import importing

UNDER_WAY = ("receiving", "waiting", "running")
LINE = b"1000 2000 7 7 vmm CREATE_VM fd=3 type=0 ret=5\n"
SHORT = b"# conv.bt v1\n" + LINE
CONVERSION = (
    b"3000 4000 7 7 vmm SET_MEMORY_ATTRIBUTES fd=5 address=0x0 size=0x1000 attributes=0x8 flags=0x0"
    b" ret=0\n"
)
LONG = SHORT + CONVERSION * 60_000
"""Takes so long that something can happen meanwhile."""
Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "imports.db"


@pytest.fixture
def client(serve: Serve, database: Path) -> Iterator[httpx.Client]:
    with serve(Settings(database_url=str(database))) as opened:
        yield opened


def send(client: httpx.Client, name: str, content: bytes) -> str:
    """Returns where it is followed."""
    answer = client.post(
        "/api/v1/imports",
        params={"name": name},
        content=content,
        headers={"content-type": "application/octet-stream"},
    )
    assert answer.status_code == 202, answer.text
    location: str = answer.headers["location"]
    return location


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(client: httpx.Client, location: str) -> dict[str, Any]:
    wait_until(lambda: client.get(location).json()["state"] not in UNDER_WAY)
    job: dict[str, Any] = client.get(location).json()
    return job


@contextmanager
def stalled(client: httpx.Client, name: str) -> Iterator[str]:
    """An upload that has begun and of which nothing more comes; where it is followed."""
    url = client.base_url
    with socket.create_connection((url.host, url.port)) as sender:
        sender.sendall(
            f"POST /api/v1/imports?name={name} HTTP/1.1\r\nHost: {url.host}\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n# conv".encode()
        )
        wait_until(lambda: any(job["name"] == name for job in listed(client)))
        number = next(job["id"] for job in listed(client) if job["name"] == name)
        yield f"/api/v1/imports/{number}"


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = client.get("/api/v1/imports").json()
    return jobs


def process_of(client: httpx.Client, location: str) -> int:
    wait_until(lambda: client.get(location).json()["state"] == "running")
    name = client.get(location).json()["name"]
    wait_until(lambda: bool(importing(name)))
    return importing(name)[0]


def test_imports_queue_and_answer_their_place(client: httpx.Client) -> None:
    first = send(client, "first.txt", LONG)
    second, third = send(client, "second.txt", SHORT), send(client, "third.txt", SHORT + LINE)
    states = [client.get(location).json() for location in (first, second, third)]
    assert [job["name"] for job in listed(client)] == ["first.txt", "second.txt", "third.txt"]
    if states[0]["state"] in UNDER_WAY:
        assert [job["place"] for job in states[1:]] == [1, 2]
        assert [job["state"] for job in states[1:]] == ["waiting", "waiting"]
    ends = [ended(client, location) for location in (first, second, third)]
    assert [job["state"] for job in ends] == ["done"] * 3
    assert [job["place"] for job in ends] == [None] * 3
    recordings = [job["summary"]["recording"] for job in ends]
    assert recordings == sorted(recordings)


def test_who_was_received_first_is_imported_first(client: httpx.Client) -> None:
    with stalled(client, "stalled.dat"):
        first, second = send(client, "first.txt", LONG), send(client, "second.txt", SHORT)
        place = client.get(second).json()["place"]
        assert place == 1 or client.get(first).json()["state"] == "done"


def test_a_stalled_upload_holds_up_nobody_and_is_cancelled(
    client: httpx.Client, database: Path
) -> None:
    with stalled(client, "stalled.dat") as location:
        job = client.get(location).json()
        assert (job["state"], job["received_bytes"], job["file_bytes"]) == ("receiving", 6, 1000)
        assert ended(client, send(client, "other.txt", SHORT))["state"] == "done"
        job = client.delete(location).json()
        assert job["state"] == "cancelled"
    assert list(database.parent.glob(".gmemscope-import-*")) == []


def test_a_stalled_upload_is_given_up(serve: Serve, database: Path) -> None:
    with (
        serve(Settings(database_url=str(database), idle_timeout_s=0.5)) as client,
        stalled(client, "stalled.dat") as location,
    ):
        assert ended(client, location)["state"] == "failed"
    assert list(database.parent.glob(".gmemscope-import-*")) == []


def test_a_sender_that_is_gone_leaves_nothing(client: httpx.Client, database: Path) -> None:
    with stalled(client, "gone.dat") as location:
        pass
    assert ended(client, location)["state"] == "failed"
    assert list(database.parent.glob(".gmemscope-import-*")) == []


def test_one_that_waits_is_cancelled_without_its_turn(client: httpx.Client) -> None:
    first, second = send(client, "first.txt", LONG), send(client, "second.txt", SHORT)
    assert client.delete(second).json()["state"] in ("cancelled", "done")
    assert client.get(first).json()["state"] in ("running", "done")
    assert ended(client, first)["state"] == "done"


def test_a_process_that_is_killed_reports_what_was_kept(client: httpx.Client) -> None:
    location = send(client, "killed.txt", LONG)
    os.kill(process_of(client, location), signal.SIGKILL)
    job = ended(client, location)
    assert job["state"] == "failed"
    assert "SIGKILL" in job["problem"]
    states = {one["state"] for one in client.get("/api/v1/recordings").json()["items"]}
    assert states <= {"incomplete"}
    assert ("kept as recording" in job["problem"]) == bool(states)


def test_limits_end_an_import_and_the_next_one_goes_on(serve: Serve, database: Path) -> None:
    limited = Settings(database_url=str(database), import_memory_bytes=64 << 20)
    with serve(limited) as client:
        job = ended(client, send(client, "large.txt", LONG))
        assert job["state"] in ("failed", "done")
        assert "memory" in job["problem"]
    with serve(Settings(database_url=str(database))) as client:
        assert ended(client, send(client, "again.txt", LONG))["problem"] is None
