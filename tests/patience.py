"""A test that waits for ever fails, and the others go on."""

import faulthandler
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType

import httpx
import pytest

PATIENCE_S = float(os.environ.get("TEST_PATIENCE_S", "300"))
"""For each of a test's set-up, call and tear-down; the slowest takes a fraction of it."""
AGAIN_S = min(30.0, PATIENCE_S)
"""What is cleaned up after a test that hung may hang as well."""

ANSWER_S = 120.0
"""For an answer of a server, where a test asks without a time of its own. By itself httpx gives up
after 5 s, which a busy machine may take."""


def pytest_configure() -> None:
    for part in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, part, ANSWER_S)


def _give_up(number: int, frame: FrameType | None) -> None:
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    pytest.fail(f"it was not over after {PATIENCE_S:g} s")


@pytest.hookimpl(wrapper=True)
def _within_patience(item: pytest.Item) -> Generator[None, object, object]:
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S, AGAIN_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = _within_patience
