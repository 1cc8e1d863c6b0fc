"""Running a function as another user, in a child: only root can."""

import os
import pickle
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

NOBODY = 65534
only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="hardware: these tests are not root on this machine"
)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: the one that holds tmp_path is closed to others, and each
    pytest that starts closes it anew."""
    with tempfile.TemporaryDirectory(prefix="gmemscope-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


T = TypeVar("T")


def as_nobody(do: Callable[[], T]) -> T:
    """What it returns, or raises, in a process of that user's."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of others: the child is short
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            with os.fdopen(writing, "wb") as pipe:
                try:
                    pickle.dump(("is", do()), pipe)
                except BaseException as error:
                    pickle.dump(("raised", f"{error}\n{traceback.format_exc()}"), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        kind, value = pickle.load(pipe)
    os.waitpid(child, 0)
    if kind == "raised":
        raise AssertionError(value)
    result: T = value
    return result
