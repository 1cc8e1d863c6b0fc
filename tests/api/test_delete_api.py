"""DELETE of a recording: it is gone with the answer, whatever was cached, and nothing else is."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app import api
from app.http.deletions import Deletions
from app.openapi import describe
from app.settings import Settings
from app.store.database import deletion_steps, mark_deleted, open_database, unfinished_deletions
from app.store.write import RecordingWriter
from tests.small_guest import write_small_recording
from tests.store.histories import HEADER, IDENTITY, random_events

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
SESAME = "sesame-sesame-sesame"
FIRST = "/api/v1/recordings/1"
GIVEN = {
    "recording_id": "1",
    "vm_id": "1",
    "storm_id": "1",
    "note_id": "1",
    "gpa": "0x100000000",
    "vm": "1",
    "t": "150",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two recordings, each of VMs of its own."""
    written = tmp_path / "gmemscope.db"
    write_small_recording(written)
    write_small_recording(written)
    return written


@pytest.fixture
def client(path: Path, serve: Serve) -> Iterator[httpx.Client]:
    with serve(Settings(database_url=str(path))) as opened:
        yield opened


def of_recordings_and_vms() -> list[tuple[str, dict[str, str]]]:
    """Every address that shows a recording or a VM, with what it has to be asked."""
    bare = FastAPI(title="gmemscope", version="1")
    bare.include_router(api.router)
    found: list[tuple[str, dict[str, str]]] = []
    for path, operations in describe(bare)["paths"].items():
        names: list[dict[str, Any]] = operations.get("get", {}).get("parameters", [])
        if not {"recording_id", "vm_id", "vm"} & {one["name"] for one in names if one["required"]}:
            continue
        query = {n["name"]: GIVEN[n["name"]] for n in names if n["in"] == "query" and n["required"]}
        if path.endswith("{storm_id}"):
            query |= dict.fromkeys(
                ("min_calls", "min_rate", "over_baseline", "min_boot_calls"), "1"
            )
        found.append((re.sub(r"\{(\w+)\}", lambda one: GIVEN[one.group(1)], path), query))
    return found


def test_nothing_that_was_cached_shows_a_deleted_recording(client: httpx.Client) -> None:
    client.post("/api/v1/vms/1/notes", json={"from": 100, "text": "here"})
    addresses = of_recordings_and_vms()
    pages: list[tuple[str, dict[str, str]]] = [
        ("/recordings/1", {}),
        ("/vms/1", {}),
        ("/vms/1/storms", {}),
        ("/vms/1/backing", {}),
    ]
    assert len(addresses) > 12
    tags = {}
    for path, query in (*addresses, *pages):
        for _ in range(2):
            answer = client.get(path, params=query)
            assert answer.status_code == 200, (path, answer.text)
        if "etag" in answer.headers:
            tags[path] = answer.headers["etag"]
    assert tags

    answer = client.delete(FIRST)
    assert (answer.status_code, answer.content) == (204, b"")
    for path, query in (*addresses, *pages):
        headers = {"If-None-Match": tags[path]} if path in tags else {}
        assert client.get(path, params=query, headers=headers).status_code == 404, path
    assert [one["id"] for one in client.get("/api/v1/recordings").json()["items"]] == [2]
    assert [one["recording"] for one in client.get("/api/v1/vms").json()["items"]] == [2, 2]
    assert 'href="/recordings/1"' not in client.get("/").text
    assert 'href="/recordings/2"' in client.get("/").text
    assert client.get("/api/v1/vms/3/state?at=150").status_code == 200


def test_what_is_not_there_is_not_found_also_when_it_is_gone(client: httpx.Client) -> None:
    assert client.delete(FIRST).status_code == 204
    for address in (FIRST, "/api/v1/recordings/99"):
        answer = client.delete(address)
        assert (answer.status_code, answer.headers["content-type"]) == (
            404,
            "application/problem+json",
        )
        assert "there is no recording" in answer.json()["detail"]


def test_what_is_being_written_is_a_conflict(client: httpx.Client, path: Path) -> None:
    engine = open_database(path)
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        writer.append(writer.add_vm(IDENTITY), random_events(10))
        address = f"/api/v1/recordings/{writer.recording_id}"
        answer = client.delete(address)
        assert (answer.status_code, answer.headers["content-type"]) == (
            409,
            "application/problem+json",
        )
        assert "is still being written, by process" in answer.json()["detail"]
        storage = client.get(f"{address}/storage").json()
        assert (storage["is_written"], storage["age_s"]) == (True, None)
    engine.dispose()
    assert client.delete(address).status_code == 204


def test_its_rows_go_and_its_space_comes_back(client: httpx.Client, path: Path) -> None:
    before = client.get(f"{FIRST}/storage").json()
    assert (before["vms"], before["events"], before["notes"]) == (2, 10, 0)
    assert before["segment_bytes"] > 1000
    client.delete(FIRST)
    with closing(sqlite3.connect(path)) as connection:
        while connection.execute("SELECT count(*) FROM recording").fetchone() != (1,):
            time.sleep(0.01)
        while connection.execute("PRAGMA freelist_count").fetchone() != (0,):
            time.sleep(0.01)
        assert connection.execute("SELECT DISTINCT recording_id FROM vm").fetchall() == [(2,)]
        assert connection.execute("SELECT count(*) FROM segment WHERE vm_id < 3").fetchone() == (0,)


def test_the_token_is_needed(path: Path, serve: Serve) -> None:
    with serve(Settings(database_url=str(path), token=SecretStr(SESAME))) as client:
        assert client.delete(FIRST).status_code == 401
        assert client.post("/recordings/1/delete").status_code == 401
        bearer = {"Authorization": f"Bearer {SESAME}"}
        assert client.get(FIRST, headers=bearer).status_code == 200
        assert client.delete(FIRST, headers=bearer).status_code == 204


def test_what_may_only_be_read_is_kept(
    path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.database._opening.may_write", lambda _: False)
    with serve(Settings(database_url=str(path))) as client:
        answer = client.delete(FIRST)
        assert answer.status_code == 503
        assert "may not be written" in answer.json()["detail"]
        assert client.get(FIRST).status_code == 200


def test_a_dashboard_goes_on_with_a_deletion_that_was_cut_short(
    path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.database._recovery.STEPS_AT_OPENING", 1)
    engine = open_database(path)
    mark_deleted(engine, 1)
    next(deletion_steps(engine, 1))
    with serve(Settings(database_url=str(path))):
        while unfinished_deletions(engine):
            time.sleep(0.01)
    engine.dispose()


def test_a_dashboard_that_ends_stops_between_two_steps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(path)
    deletions = Deletions(engine)

    def endless(*_unused: object) -> Iterator[int]:
        while True:
            yield 0

    monkeypatch.setattr("app.http.deletions.deletion_steps", endless)
    deletions.delete(1, "small")
    deletions.close()
    assert unfinished_deletions(engine) == [1]
    monkeypatch.undo()
    again = Deletions(engine)
    again.resume()
    again.wait()
    assert unfinished_deletions(engine) == []
    engine.dispose()
