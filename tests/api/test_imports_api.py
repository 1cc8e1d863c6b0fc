"""Importing over REST: progress, duplicates, damage, limits, cancelling."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.write import RecordingWriter

UNDER_WAY = ("receiving", "waiting", "running")
ROOT = Path(__file__).parents[2]
TRACE = ROOT / "docs" / "examples" / "convwork.dat"
Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "imports.db"


@pytest.fixture
def client(serve: Serve, database: Path) -> Iterator[httpx.Client]:
    with serve(Settings(database_url=str(database), upload_limit_bytes=4 << 20)) as opened:
        yield opened


def send(client: httpx.Client, name: str, content: bytes, **headers: str) -> httpx.Response:
    kind = {"content-type": "application/octet-stream", **headers}
    return client.post("/api/v1/imports", params={"name": name}, content=content, headers=kind)


def ended(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + 60
    while True:
        job: dict[str, Any] = client.get(answer.headers["location"]).json()
        if job["state"] not in UNDER_WAY:
            return job
        assert time.monotonic() < deadline
        time.sleep(0.05)


LINE = b"1000 2000 7 7 vmm CREATE_VM fd=3 type=0 ret=5\n"
LONG = b"# conv.bt v1\n" + LINE * 60_000
"""Takes so long that there is time to cancel it."""


def left_over(database: Path) -> list[Path]:
    return list(database.parent.glob(".gmemscope-import-*"))


def test_a_file_becomes_a_recording_once(client: httpx.Client, database: Path) -> None:
    job = ended(client, send(client, "convwork.dat", TRACE.read_bytes()))
    assert (job["state"], job["problem"]) == ("done", None)
    recording = client.get(f"/api/v1/recordings/{job['summary']['recording']}").json()
    assert (recording["name"], recording["state"]) == ("convwork.dat", "complete")
    again = ended(client, send(client, "other-name.dat", TRACE.read_bytes()))
    assert again["summary"]["already_imported"]
    assert again["summary"]["recording"] == recording["id"]
    assert left_over(database) == []


def test_what_is_no_recording_is_refused_with_the_reason(client: httpx.Client) -> None:
    job = ended(client, send(client, "../../etc/notes.txt", b"hello\n" * 100))
    assert (job["state"], job["name"]) == ("failed", "notes.txt")
    assert "none of the formats known" in job["problem"]
    assert client.get("/api/v1/recordings").json()["items"] == []


def test_what_a_damaged_file_tells_is_kept(client: httpx.Client) -> None:
    whole = TRACE.read_bytes()
    job = ended(client, send(client, "cut.dat", whole[: len(whole) * 3 // 4]))
    if job["summary"] is None:
        assert "offset" in job["problem"]
    else:
        assert job["summary"]["state"] == "incomplete"


@pytest.mark.parametrize(
    "name", ["a\0b", "\0", "..", ".", "a/", "x\n.dat", "\x1b[2J", "é" * 128, "x" * 300, ""]
)
def test_a_name_that_no_file_can_have_is_a_bad_parameter(
    client: httpx.Client, database: Path, name: str
) -> None:
    answer = send(client, name, TRACE.read_bytes())
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "name")
    assert left_over(database) == []


def test_limits_are_named(client: httpx.Client) -> None:
    too_large = send(client, "large.dat", b"\0" * ((4 << 20) + 1))
    assert too_large.status_code == 413
    assert "4 MiB" in too_large.json()["detail"]


def test_a_form_of_another_site_cannot_send(client: httpx.Client) -> None:
    answer = send(client, "x.dat", b"x", **{"content-type": "text/plain"})
    assert answer.status_code == 415


def test_a_database_that_is_being_written_names_its_writer(
    client: httpx.Client, database: Path
) -> None:
    header = RecordingHeader("live", "tracefs", "host", "mono", 0)
    with RecordingWriter(open_database(str(database)), header):
        job = ended(client, send(client, "convwork.dat", TRACE.read_bytes()))
    assert job["state"] == "failed"
    assert "process" in job["problem"]


def test_cancelling_leaves_nothing(client: httpx.Client, database: Path) -> None:
    answer = send(client, "long.txt", LONG)
    job = client.delete(answer.headers["location"]).json()
    assert job["state"] == "cancelled"
    assert client.get("/api/v1/recordings").json()["items"] == []
    assert left_over(database) == []


def test_an_import_that_is_not_there(client: httpx.Client) -> None:
    assert client.get("/api/v1/imports/7").status_code == 404


def test_uploads_of_a_server_that_died_are_removed(serve: Serve, database: Path) -> None:
    left = database.parent / ".gmemscope-import-999999999-1"
    left.mkdir()
    (left / "trace.dat").write_bytes(b"x")
    with serve(Settings(database_url=str(database))):
        assert not left.exists()
