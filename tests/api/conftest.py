"""A dashboard that really listens, over the small recording."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.server import bind, server_of, url_of
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
            with httpx.Client(base_url=url_of(listener), timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def client(small_database: Path) -> Iterator[httpx.Client]:
    """A client of a dashboard over the small recording."""
    with serving(Settings(database_url=str(small_database))) as opened:
        yield opened


@pytest.fixture
def serve() -> Callable[[Settings], "contextmanager[httpx.Client]"]:
    return serving


@pytest.fixture(scope="module")
def serve_module() -> Callable[[Settings], "contextmanager[httpx.Client]"]:
    """The same for what a whole module asks."""
    return serving
