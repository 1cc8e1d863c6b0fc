"""A dashboard that really listens, and a client of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

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
