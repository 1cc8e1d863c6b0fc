"""Two VMMs that ran before the trace, both with VM fd 5: what names their VMs states it."""

import lzma
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app import cli
from app.settings import Settings

PACKED = Path(__file__).parents[1] / "recordings" / "late-recipe" / "recording.dat.xz"
WORDS = "may be several"
Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("late")
    recording = folder / "recording.dat"
    recording.write_bytes(lzma.decompress(PACKED.read_bytes()))
    path = str(folder / "late.db")
    result = CliRunner().invoke(cli.app, ["import", str(recording), "--database", path])
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def client(serve_module: Serve, database: str) -> Iterator[httpx.Client]:
    with serve_module(Settings(database_url=database)) as opened:
        yield opened


def test_list_states_it(database: str) -> None:
    result = CliRunner().invoke(cli.app, ["list", "--database", database])
    lines = [line for line in result.output.splitlines() if " vm " in line]
    assert len(lines) == 2
    assert all(WORDS in line for line in lines)


def test_rest_states_it(client: httpx.Client) -> None:
    assert [vm["may_be_several"] for vm in client.get("/api/v1/vms").json()["items"]] == [True] * 2
    doubts = client.get("/api/v1/vms/1/events", params={"kind": "doubt"}).json()["items"]
    assert {event["outcome"] for event in doubts} == {"unconfirmed"}
    assert {event["kind"] for event in doubts} == {"doubt"}


@pytest.mark.parametrize("page", ["/", "/recordings/1", "/vms/1", "/vms/1/report"])
def test_pages_state_it(client: httpx.Client, page: str) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    assert f"{WORDS} VMs" in answer.text
