"""Notes by REST: written by a browser of ours, refused from elsewhere, kept as plain text."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from pydantic import SecretStr

from app.api._notes import LONGEST_TEXT
from app.http.parameters._bodies import LONGEST_BODY
from app.settings import Settings
from app.store.database import _connecting as connecting
from tests.small_guest import write_small_recording

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]
SESAME = "sesame-sesame-sesame"
NOTES = "/api/v1/vms/1/notes"
DRAFT = {"from": 100, "text": "here it begins"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "notes.db"
    write_small_recording(written)
    return written


@pytest.fixture
def writable(path: Path, serve: Serve) -> Iterator[httpx.Client]:
    with serve(Settings(database_url=str(path))) as client:
        yield client


def test_a_note_is_written_read_changed_and_removed(writable: httpx.Client) -> None:
    draft = {
        "from": 100,
        "to": 300,
        "gpa_from": "0x1_0000_0800",
        "gpa_to": "0x1_0000_1001",
        "text": " <b>slow</b>\r\nfrom here ",
        "author": "Ann",
    }
    answer = writable.post(NOTES, json=draft)
    assert answer.status_code == 201, answer.text
    location = answer.headers["location"]
    note = answer.json()
    assert int(note.pop("written_ns")) > 10**18
    assert note == {
        "id": 1,
        "from": 100,
        "to": 300,
        "gpa_from": "0x100000000",
        "gpa_to": "0x100002000",  # pages that a border cuts count whole
        "text": "<b>slow</b>\nfrom here",
        "author": "Ann",
        "changed_ns": None,
        "revision": 1,
    }
    assert writable.get(location).json()["text"] == note["text"]

    changed = writable.patch(location, json={"revision": 1, "text": "fast", "to": None}).json()
    assert (changed["from"], changed["to"], changed["text"]) == (100, None, "fast")
    assert (changed["author"], changed["gpa_to"], changed["revision"]) == ("Ann", "0x100002000", 2)
    assert [one["text"] for one in writable.get(NOTES).json()["items"]] == ["fast"]

    assert writable.delete(location).status_code == 204
    assert writable.get(NOTES).json()["items"] == []
    assert writable.delete(location).status_code == 404


def test_who_was_slower_is_refused_and_overwrites_nothing(writable: httpx.Client) -> None:
    location = writable.post(NOTES, json=DRAFT).headers["location"]
    assert writable.patch(location, json={"revision": 1, "text": "mine"}).status_code == 200
    late = writable.patch(location, json={"revision": 1, "text": "yours"})
    assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")
    assert "changed meanwhile" in late.json()["detail"]
    assert writable.get(location).json()["text"] == "mine"


def test_notes_come_by_window_page_and_format(writable: httpx.Client) -> None:
    for t in (300, 100, 200):
        text = f'at {t}, "quoted"\nand =more'
        writable.post(NOTES, json={"from": t, "text": text})
    first = writable.get(NOTES, params={"limit": 2}).json()
    rest = writable.get(NOTES, params={"after": first["next"]}).json()
    assert [note["from"] for note in first["items"] + rest["items"]] == [100, 200, 300]
    window = writable.get(NOTES, params={"from": 101, "to": 300}).json()["items"]
    assert [note["from"] for note in window] == [200]
    assert '"at 100, ""quoted""\nand =more"' in writable.get(f"{NOTES}.csv").text
    table = pa.ipc.open_file(writable.get(f"{NOTES}.arrow").content).read_all()
    assert table["from"].to_pylist() == [100, 200, 300]
    assert writable.get("/api/v1/vms/2/notes").json()["items"] == []


@pytest.mark.parametrize(
    ("draft", "named", "complaint"),
    [
        ({"text": ""}, "text", "at least 1 character"),
        ({"text": " \n "}, "text", "at least 1 character"),
        ({"text": "x" * (LONGEST_TEXT + 1)}, "text", f"at most {LONGEST_TEXT} characters"),
        ({"text": "\x1b[2J"}, "text", "control characters are no text"),
        ({"text": 5}, "text", "valid string"),
        ({"author": "Ann\nor Bob"}, "author", "control characters are no text"),
        ({"text": "a\0b"}, "text", "control characters are no text"),
        ({"author": "x" * 101}, "author", "at most 100 characters"),
        ({"from": None}, "from", "valid integer"),
        ({"from": -1}, "from", "greater than or equal to 0"),
        ({"from": 1.5}, "from", "valid integer"),
        ({"from": 1002}, "from", "t=1002 is outside of what is stored, 0 to 1000"),
        ({"to": 10**30}, "to", "outside of what is stored"),
        ({"to": 100}, "body", "to=100 is not after from=100"),
        ({"gpa_from": "0x1000"}, "body", "gpa_from and gpa_to go together"),
        ({"gpa_from": "0x2000", "gpa_to": "0x2000"}, "body", "gpa_to=0x2000 is not above"),
        ({"gpa_from": "x", "gpa_to": "0x2000"}, "gpa_from", "'x' is no address"),
        ({"colour": "red"}, "colour", "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    writable: httpx.Client, draft: dict[str, object], named: str, complaint: str
) -> None:
    kept = writable.post(NOTES, json=DRAFT).headers["location"]
    asked = (
        writable.post(NOTES, json=DRAFT | draft),
        writable.patch(kept, json={"revision": 1} | draft),
    )
    for answer in asked:
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert complaint in answer.json()["detail"]
        assert named in [error["parameter"] for error in answer.json()["errors"]]
    assert [note["revision"] for note in writable.get(NOTES).json()["items"]] == [1]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"text": "\\ud800", "from": 1}', b"\xff"])
def test_what_is_no_note_at_all_is_refused(writable: httpx.Client, body: bytes) -> None:
    answer = writable.post(NOTES, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a script of another site may send a body without a type
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
)
def test_what_another_web_site_could_send_is_refused(
    writable: httpx.Client, headers: dict[str, str]
) -> None:
    body = b'{"from": 100, "text": "planted"}'
    assert writable.post(NOTES, content=body, headers=headers).status_code == 415
    assert writable.get(NOTES).json()["items"] == []


def test_a_body_without_end_is_not_read_to_its_end(writable: httpx.Client) -> None:
    body = b'{"from": 100, "text": "' + b"x" * LONGEST_BODY
    answer = writable.post(NOTES, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_notes_need_the_token_where_there_is_one(path: Path, serve: Serve) -> None:
    settings = Settings(database_url=str(path), host="0.0.0.0", token=SecretStr(SESAME))
    with serve(settings) as client:
        assert client.post(NOTES, json=DRAFT).status_code == 401
        allowed = client.post(NOTES, json=DRAFT, headers={"Authorization": f"Bearer {SESAME}"})
        assert allowed.status_code == 201


def test_what_is_not_there_takes_no_notes(writable: httpx.Client) -> None:
    for path in ("/api/v1/vms/99/notes", "/api/v1/vms/99/notes/1", f"{NOTES}/7"):
        assert writable.get(path).status_code == 404
    assert writable.post("/api/v1/vms/99/notes", json=DRAFT).status_code == 404
    assert writable.patch(f"{NOTES}/7", json={"revision": 1}).status_code == 404
    assert writable.get(f"{NOTES}/{1 << 63}").status_code == 422


def test_a_database_that_cannot_be_written_now_is_a_problem(
    path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_MS", 20)
    with serve(Settings(database_url=str(path))) as client:
        with closing(sqlite3.connect(path)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            answer = client.post(NOTES, json=DRAFT)
        assert answer.status_code == 503
        assert "another process holds the database locked" in answer.json()["detail"]
        assert client.post(NOTES, json=DRAFT).status_code == 201


def test_openapi_describes_what_to_send(client: httpx.Client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    body = paths["/api/v1/vms/{vm_id}/notes"]["post"]["requestBody"]["content"]
    schema = body["application/json"]["schema"]
    assert {"from", "to", "text", "author"} <= set(schema["properties"])
    assert schema["required"] == ["from", "text"]
