"""The few ways in which a function becomes a compiled hot loop."""

import threading
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from pickle import UnpicklingError
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_lock = threading.RLock()


class HotLoop:
    """A function that numba compiles for each combination of argument types it is called with.

    numba is imported by the first call, not before: a command that imports modules of hot loops
    and runs none of them starts without it.
    """

    def __init__(self, function: Callable[..., Any], **options: bool) -> None:
        self.function = function
        self.options = options
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401 -- whatever the function takes
        try:
            return self.kept(*args)
        except (OSError, EOFError, UnpicklingError) as error:
            # Compiled code opens no file: numba could not read the kept code, or not write it.
            with _lock:
                self.kept = self._without_keeping(error)
            return self.kept(*args)

    @cached_property
    def kept(self) -> Any:  # noqa: ANN401 -- numba's, which has no types
        """What Python calls: its code is kept on disk."""
        with _lock:
            return _compiler().kept_dispatcher(self.function, **self.options)

    @cached_property
    def part(self) -> Any:  # noqa: ANN401
        """What other compiled functions call: their code contains its code."""
        with _lock:
            return _compiler().part_dispatcher(self.function, **self.options)

    def _without_keeping(self, error: Exception) -> Any:  # noqa: ANN401
        from app.compiled import _code_folder

        _code_folder.give_up(is_damaged=not isinstance(error, OSError))
        return _compiler().dispatcher(self.function, **self.options)


@cache
def _compiler() -> ModuleType:
    """Imports numba."""
    from app.compiled import _compiling

    _compiling.register_loops(HotLoop)
    return _compiling


def hot_in_place(function: F) -> F:
    """Compile `function` on first call, off the interpreter lock, and keep the result on disk.

    The body must stay Python that a Python reader can follow: typed numpy arrays and integers in,
    arrays and integers out, no objects. It creates no array, not even a slice of one: references
    to arrays are not counted, which otherwise costs some ten atomic operations per call of such a
    function, and more than the work of a short one.
    """
    return cast(F, HotLoop(function))


def hot_part(function: F) -> F:
    """`hot_in_place` for a function that becomes part of each function that calls it.

    A call hands over seven words per array; a page costs less to paint than that.
    """
    return cast(F, HotLoop(function, forceinline=True))


def load_compiler() -> None:
    """Import numba now, for who cannot wait for the first call of a loop: what is imported under a
    limit on memory may fail in the middle, and ends the process or leaves half a library."""
    _compiler()


def constant(value: int) -> int:
    """A number that compiled functions hand to each other.

    As a plain int it would be part of the type of the call, and the function called would be
    compiled once more for each such number.
    """
    return cast(int, np.int64(value))


@hot_part
def signed(value: int | np.integer[Any]) -> int:
    """The same number as a signed 64-bit one: with an unsigned one, numba would make floats."""
    return np.int64(value)  # type: ignore[return-value]
