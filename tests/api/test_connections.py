"""Connections that send nothing, too little, or take nothing: none of them keeps others out."""

import asyncio
import contextlib
import errno
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.responses import Response
from uvicorn.server import ServerState

from app.http.parameters import _bodies as bodies
from app.main import create_app
from app.serving import _accepting as accepting, bind, url_of
from app.serving._accepting import Acceptor, connections_allowed
from app.serving._connections import Connection
from app.serving._server import Server, server_of
from app.settings import Settings

PATIENCE_S = 60
"""More than any machine needs; nothing is asserted about how long anything took."""
SHORT_S = 0.4
TOKEN = "correct-horse-battery-staple"
ASKED = (
    f"GET /api/v1/vms HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
).encode()
STREAM = "/api/v1/stream"


class Served:
    """A dashboard in a thread, its connections in sight."""

    def __init__(self, app: FastAPI, server: Server, listener: socket.socket) -> None:
        self.app, self.server = app, server
        self.address = listener.getsockname()[:2]
        self.url = url_of(listener)

    def connect(self, *sent: bytes, source: str = "127.0.0.1") -> socket.socket:
        client = socket.create_connection(self.address, PATIENCE_S, source_address=(source, 0))
        for part in sent:
            client.sendall(part)
        return client

    def get(self, path: str = "/healthz") -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE_S)

    def until(self, is_so: Callable[[], bool]) -> None:
        until(is_so)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


@pytest.fixture
def serve(small_database: Path) -> Iterator[Callable[..., Served]]:
    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> Served:  # noqa: ANN401 -- settings are of many types
            listener = stack.enter_context(bind("127.0.0.1", 0))
            app = create_app(Settings(database_url=str(small_database), **settings))
            server = server_of(app)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            served = Served(app, server, listener)

            def stop() -> None:
                server.should_exit = True
                thread.join()

            thread.start()
            stack.callback(stop)
            until(lambda: server.started)
            return served

        yield start


@pytest.fixture
def hasty(serve: Callable[..., Served]) -> Served:
    return serve(header_timeout_s=SHORT_S, idle_timeout_s=SHORT_S)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, somebody finds room."""
    monkeypatch.setattr(accepting, "ROOM_S", float(PATIENCE_S))


def rest_of(client: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            received += part
    return received


def dribble(client: socket.socket, text: bytes) -> bytes:
    """Send the same bytes over and over, one at a time, until the other side ends it."""
    received = b""
    client.settimeout(0.02)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for i in range(len(text)):
            try:
                client.sendall(text[i : i + 1])
                part = client.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                return received
            if not part:
                return received
            received += part
    raise AssertionError("nobody ended it")


def test_a_connection_without_a_request_ends(hasty: Served) -> None:
    with hasty.connect() as client:
        assert rest_of(client) == b""


def test_headers_that_never_end_end_the_connection(hasty: Served) -> None:
    with hasty.connect(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n") as client:
        answer = dribble(client, b"X-A: b\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ") or answer == b""


def test_half_a_request_is_answered_with_a_timeout(hasty: Served) -> None:
    with hasty.connect(b"GET /healthz HT") as client:
        assert rest_of(client).startswith(b"HTTP/1.1 408 ")


def test_a_second_request_has_no_more_time_than_the_first(hasty: Served) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with hasty.connect(whole) as client:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        dribble(client, b"GET /healthz HTTP/1.1\r\nX-A: b\r\nX-B: " + b"c" * 100_000)


def test_a_body_that_stops_in_the_middle_ends_the_connection(hasty: Served) -> None:
    head = (
        b"POST /api/v1/vms/1/notes HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with hasty.connect(head, b'{"text":') as client:
        assert b"HTTP/1.1 2" not in rest_of(client)
    hasty.until(lambda: not hasty.server.server_state.connections)


def test_a_small_body_that_trickles_in_is_not_awaited_for_ever(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LONGEST_S", SHORT_S)
    head = (
        b"POST /api/v1/vms/1/notes HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    )
    with serve(header_timeout_s=SHORT_S).connect(head) as client:
        answer = dribble(client, b"x")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not come within" in answer


def test_a_body_that_nobody_wants_is_not_awaited(hasty: Served) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    with hasty.connect(head) as client:
        assert dribble(client, b"x").startswith(b"HTTP/1.1 4")


def test_who_takes_nothing_of_an_answer_is_let_go(hasty: Served) -> None:
    def much() -> Response:
        return Response(b"x" * (64 << 20))

    hasty.app.add_api_route("/much", much)
    with hasty.connect(b"GET /much HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as client:
        assert client.recv(1) == b"H"
        hasty.until(lambda: not hasty.server.server_state.connections)


class Pipe(asyncio.Transport):
    """Of an answer of which so many bytes are not taken yet."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        self.is_cut = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True


async def answer_into(app: FastAPI) -> tuple[Connection, Pipe]:
    """A connection in the middle of an answer."""
    config = server_of(app).config
    connection, pipe = Connection(config, ServerState(), {}), Pipe()
    connection.connection_made(pipe)
    connection.data_received(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    for task in connection.tasks:
        task.cancel()
    return connection, pipe


def test_who_takes_an_answer_slowly_is_left_in_peace(small_database: Path) -> None:
    app = create_app(Settings(database_url=str(small_database), idle_timeout_s=30))
    connection, pipe = asyncio.run(answer_into(app))
    now = time.monotonic()
    for unsent in (5000, 4000, 3999, 10, 9000, 8999, 0, 0, 700):
        pipe.unsent = unsent
        now += 29
        connection.end_if_overdue(now)
        assert not pipe.is_cut
    connection.end_if_overdue(now + 29)
    assert not pipe.is_cut
    connection.end_if_overdue(now + 31)
    assert pipe.is_cut


def test_a_stream_of_news_outlives_every_limit(hasty: Served) -> None:
    request = f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with hasty.connect(request) as stream:
        assert stream.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        for _ in range(5):  # each of these lasts as long as a connection may be silent
            with hasty.connect(b"GET /healthz HT") as other:
                rest_of(other)
        stream.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while True:
                assert stream.recv(1 << 16), "the stream was ended"
        assert len(hasty.server.server_state.connections) == 1


def test_beyond_the_limit_is_refused_and_room_is_used_again(serve: Callable[..., Served]) -> None:
    served = serve(connection_limit=4)
    request = f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    streams = [served.connect(request) for _ in range(3)]
    for stream in streams:
        assert stream.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    refused = served.get()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "as many connections as it may have" in refused.text
    with served.connect(request, source="127.0.0.2") as other:  # nobody has all places
        assert other.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    streams.pop().close()
    until(lambda: len(served.server.server_state.connections) < 3)
    assert served.get().status_code == 200
    for stream in streams:
        stream.close()


def test_all_places_together_are_the_limit(serve: Callable[..., Served]) -> None:
    served = serve(connection_limit=4)
    request = f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    streams = [served.connect(request, source=f"127.0.0.{2 + i}") for i in range(4)]
    for stream in streams:
        assert stream.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    assert served.get().status_code == 503
    for stream in streams:
        stream.close()


UNFINISHED = (
    b"",
    b"GET /healthz HT",
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken",
    b"POST /api/v1/imports?name=x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    b"Content-Type: application/octet-stream\r\n\r\nhalf",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer wrong\r\n\r\n",
)


@pytest.mark.parametrize("sent", UNFINISHED)
def test_who_pays_for_a_wrong_token_or_stops_in_the_middle_keeps_nobody_out(
    serve: Callable[..., Served], patient: None, sent: bytes
) -> None:
    served = serve(connection_limit=8, token=SecretStr(TOKEN), wrong_token_delay_s=PATIENCE_S)
    clients = [served.connect(sent, source=f"127.0.0.{2 + i % 2}") for i in range(24)]
    for source in ("127.0.0.1", "127.0.0.2"):
        with served.connect(ASKED, source=source) as client:
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    for client in clients:
        client.close()


def test_who_asks_for_nothing_makes_room(serve: Callable[..., Served], patient: None) -> None:
    served = serve(connection_limit=4)
    silent = [served.connect() for _ in range(2)]
    silent.append(served.connect(b"GET /healthz HT"))
    until(lambda: len(served.server.server_state.connections) == 3)
    for _ in range(5):
        assert served.get().status_code == 200
    assert rest_of(silent[0]) == b""
    for one in silent:
        one.close()


def test_a_flood_of_connections_never_is_more_than_the_limit(
    serve: Callable[..., Served], patient: None
) -> None:
    served = serve(connection_limit=8)
    flood = [served.connect() for _ in range(100)]
    assert served.get().status_code == 200
    assert len(served.server.server_state.connections) <= 8
    for one in flood:
        one.close()


def test_many_who_ask_at_once_are_all_answered(serve: Callable[..., Served], patient: None) -> None:
    served = serve(connection_limit=8)
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    clients = [served.connect(request) for _ in range(40)]
    for client in clients:
        assert rest_of(client).startswith(b"HTTP/1.1 200 ")
        client.close()


def test_half_of_the_descriptors_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, allowed in ((64, 32), (1 << 20, 512), (resource.RLIM_INFINITY, 512), (1, 1)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections_allowed(512) == allowed


async def refuse_to_accept(
    monkeypatch: pytest.MonkeyPatch, error: OSError, times: int
) -> tuple[int, int]:
    """(how often it was tried, how often it paused) until the loop is interrupted."""
    tried = paused = 0
    own, sleep = asyncio.get_running_loop(), asyncio.sleep

    async def fail(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal tried
        tried += 1
        if tried > times:
            raise asyncio.CancelledError
        raise error

    async def pause(seconds: float) -> None:
        """A server of other tests, in its thread, goes on sleeping."""
        nonlocal paused
        if asyncio.get_running_loop() is own:
            paused += 1
        else:
            await sleep(seconds)

    monkeypatch.setattr(own, "sock_accept", fail)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with bind("127.0.0.1", 0) as listener, contextlib.suppress(asyncio.CancelledError):
        await Acceptor(listener, lambda: None, tuple, 1).accept()  # type: ignore[arg-type, return-value]
    return tried, paused


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_each_try_without_resources_is_followed_by_a_pause_and_one_line_tells_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    error = OSError(number, os.strerror(number))
    assert asyncio.run(refuse_to_accept(monkeypatch, error, 1000)) == (1001, 1000)
    assert [record.getMessage() for record in caplog.records] == [
        f"gmemscope: no connection can be taken for now: {os.strerror(number)}"
    ]


def test_a_connection_that_is_being_taken_when_the_server_ends_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def end_while_taking() -> bytes:
        loop, taken = asyncio.get_running_loop(), asyncio.Event()

        async def take(accepted: socket.socket, origin: str) -> None:
            taken.set()
            await asyncio.Event().wait()

        with (
            bind("127.0.0.1", 0) as listener,
            socket.create_connection(listener.getsockname()) as client,
        ):
            client.setblocking(False)
            acceptor = Acceptor(listener, lambda: None, tuple, 1)  # type: ignore[arg-type, return-value]
            monkeypatch.setattr(acceptor, "_take", take)
            acceptor.start()
            await taken.wait()
            await acceptor.stop()
            return await loop.sock_recv(client, 1)

    assert asyncio.run(end_while_taking()) == b""


def test_who_goes_before_being_taken_costs_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = ConnectionAbortedError(errno.ECONNABORTED, "gone")
    assert asyncio.run(refuse_to_accept(monkeypatch, gone, 5)) == (6, 0)


class Child:
    """`gmemscope serve` as a process of its own, and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found is not None, line
        self.process, self.url = process, found.group()
        self._address, self._said = ("127.0.0.1", int(found.group(1))), said
        self.ask()  # it is there, and knows its limits

    def ask(self) -> None:
        assert httpx.get(f"{self.url}/healthz", timeout=PATIENCE_S).status_code == 200

    def connect(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=PATIENCE_S)

    @property
    def said(self) -> str:
        return self._said.read_text()


@pytest.fixture
def child(small_database: Path, tmp_path: Path) -> Iterator[Child]:
    said = tmp_path / "stderr"
    command = (sys.executable, "-m", "app.cli", "serve", "--port", "0")
    with (
        said.open("wb") as errors,
        subprocess.Popen(
            (*command, "--database", str(small_database)), stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            yield Child(process, said)
        finally:
            process.terminate()


def test_a_server_out_of_descriptors_reports_it_once_and_goes_on_when_it_has_some(
    child: Child,
) -> None:
    pid = child.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, limits[1]))
    clients = [child.connect() for _ in range(20)]
    for client in clients:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    until(lambda: child.said != "")
    time.sleep(10 * accepting.PAUSE_S)  # several tries, and still one line
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    for client in clients:
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        client.close()
    assert child.said == "gmemscope: no connection can be taken for now: Too many open files\n"


JUNK = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # what TLS begins with
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * (1 << 18),
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: nine\r\n\r\n",
    *(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        "Content-Length: 100\r\n\r\nhalf".encode()
        for path, kind in (
            ("/api/v1/vms/1/notes", "application/json"),
            ("/api/v1/imports?name=x.dat", "application/octet-stream"),
            ("/login", "application/x-www-form-urlencoded"),
        )
    ),
)


def test_nothing_that_a_client_sends_fills_the_log(child: Child) -> None:
    for junk in JUNK:
        with child.connect() as client, contextlib.suppress(ConnectionError):
            client.sendall(junk)
            client.shutdown(socket.SHUT_WR)
            rest_of(client)
        with child.connect() as client:
            client.sendall(junk)  # and goes at once
    child.ask()
    child.process.terminate()
    assert child.process.wait(timeout=PATIENCE_S) == 0
    assert child.said == ""
