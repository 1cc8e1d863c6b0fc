"""A dashboard that really listens, over the small recording."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.serving import serving


@pytest.fixture(scope="session")
def client(small_database: Path) -> Iterator[httpx.Client]:
    """A client of a dashboard over the small recording."""
    with serving(Settings(database_url=str(small_database))) as opened:
        yield opened


@pytest.fixture
def serve() -> Callable[[Settings], AbstractContextManager[httpx.Client]]:
    return serving


@pytest.fixture(scope="module")
def serve_module() -> Callable[[Settings], AbstractContextManager[httpx.Client]]:
    """The same for what a whole module asks."""
    return serving
