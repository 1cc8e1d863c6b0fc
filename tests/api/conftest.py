"""A dashboard that really listens, over the small recording."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import serving

from app.settings import Settings


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
