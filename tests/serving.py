"""A dashboard that really listens, and a client of it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.main import create_app
from app.serving import bind, url_of
from app.serving._server import server_of
from app.settings import Settings


@contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    """Serve in a thread; yields a client of it."""
    with bind("127.0.0.1", 0) as listener:
        server = server_of(create_app(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            with httpx.Client(base_url=url_of(listener)) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def importing(name: str) -> list[int]:
    """The processes that import a file of that name: children of the server, which is this one."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and name in _arguments(entry) and _parent(entry) == os.getpid()
    ]


def _arguments(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
