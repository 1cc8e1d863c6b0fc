"""Compiling by numba: imported with the first call of a hot loop."""

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

import numba
from numba.core import event
from numba.extending import typeof_impl

from app.compiled._code_folder import code_folder

_config = cast(Any, numba.config)  # its members are made at run time
_njit = cast(Any, numba.njit)  # its published signature leaves out _nrt


def kept_dispatcher(function: Callable[..., Any], **options: bool) -> Any:  # noqa: ANN401
    """Compiles a function and keeps its code, where there is a folder for that."""
    folder = code_folder()
    if folder is None:
        return dispatcher(function, **options)
    wanted = _config.CACHE_DIR
    _config.CACHE_DIR = str(folder)
    try:
        return dispatcher(function, cache=True, **options)
    except RuntimeError:  # the folder can be written no more
        return dispatcher(function, **options)
    finally:
        _config.CACHE_DIR = wanted


def part_dispatcher(function: Callable[..., Any], **options: bool) -> Any:  # noqa: ANN401
    """Compiles a function that only compiled ones call: Python has no way into it."""
    return dispatcher(function, no_cpython_wrapper=True, **options)


def dispatcher(function: Callable[..., Any], **options: bool) -> Any:  # noqa: ANN401
    """References to arrays are not counted (_nrt), as no hot loop creates one. Nobody calls one
    from C, by its address: a way in for that would take a tenth of the time of compiling."""
    return _njit(nogil=True, _nrt=False, no_cfunc_wrapper=True, **options)(function)


class Loop(Protocol):
    """A hot loop, as another one sees it that calls it."""

    @property
    def part(self) -> Any: ...  # noqa: ANN401 -- a dispatcher of numba's


def register_loops(kind: type[Loop]) -> None:
    """Let compiled functions call loops of this class."""

    def type_of(loop: Loop, _context: object) -> Any:  # noqa: ANN401
        return cast(Any, numba).typeof(loop.part)

    typeof_impl.register(kind)(type_of)


class OneProcessAtATime(event.Listener):
    """Holds a lock on the folder of code while this process compiles or loads some.

    numba replaces each file at once, but each code has two: the index, and what it names. Without
    the lock, of two processes that compile one function for different arguments, one could end up
    with the other's code.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._depth = 0
        self._file: int | None = None

    def on_start(self, event: object) -> None:
        with self._guard:
            self._depth += 1
            if self._depth == 1:
                self._file = _locked(code_folder())

    def on_end(self, event: object) -> None:
        with self._guard:
            self._depth -= 1
            if self._depth == 0 and self._file is not None:
                os.close(self._file)
                self._file = None


def _locked(folder: Path | None) -> int | None:
    if folder is None:
        return None
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


cast(Any, event).register("numba:compiler_lock", OneProcessAtATime())
