"""`gmemscope serve` as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest

PATIENCE_S = 120.0


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command; yields the process and the URL it printed. Ends it if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield process, next((word for word in line.split() if word.startswith("http")), line)
        finally:
            if process.poll() is None:
                process.terminate()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_signalled_to_end(small_database: Path, end: signal.Signals) -> None:
    with serving("serve", "--database", str(small_database)) as (process, url):
        with httpx.stream("GET", f"{url}/api/v1/stream") as stream:
            assert httpx.get(f"{url}/api/v1/vms/1").json()["name"] == "guest-a"
            assert "event: changed" in islice(stream.iter_lines(), 3)
            process.send_signal(end)
            assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_port_in_use_is_named(small_database: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["serve", "--port", port, "--database", str(small_database)]
        ran = run(*arguments)

    assert ran.returncode == 3
    assert ran.stderr == (
        f"gmemscope: cannot listen on 127.0.0.1, port {port}: Address already in use; "
        "choose another --port\n"
    )


def test_listening_to_others_without_a_token_is_refused(small_database: Path) -> None:
    ran = run("serve", "--host", "0.0.0.0", "--database", str(small_database))

    assert ran.returncode == 2
    assert ran.stderr.startswith("gmemscope: listening on 0.0.0.0 lets other machines read; ")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at as if it were one" * 20)
    ran = run("serve", "--port", "0", "--database", str(path))

    assert ran.returncode == 1
    assert str(path) in ran.stderr
    assert "Traceback" not in ran.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "GMEMSCOPE_TOKEN"}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment,
    )
