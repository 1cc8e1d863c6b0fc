"""The few ways in which a function becomes a compiled hot loop."""

import inspect
import threading
from collections.abc import Callable
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from app.model import keptcode

F = TypeVar("F", bound=Callable[..., Any])

_lock = threading.RLock()


class Hot:
    """A function whose compiled code is kept on disk, one for each signature it is called with.

    Kept code is machine code: a process that finds all it needs never imports numba, which costs
    more than the decoding of ten million events. Compiling, and calls whose arguments are more
    than arrays and whole numbers, are numba's.
    """

    def __init__(self, function: Callable[..., Any], **options: bool) -> None:
        self.function = function
        self.options = options
        self.codes: dict[keptcode.Signature | None, Callable[..., Any]] = {}
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:  # noqa: ANN401 -- whatever the function takes
        signature = keptcode.signature_of(args)
        code = self.codes.get(signature)
        if code is None:
            code = self._code_for(signature, args)
        return code(*args)

    def _code_for(
        self, signature: keptcode.Signature | None, args: tuple[Any, ...]
    ) -> Callable[..., Any]:
        with _lock:
            if signature not in self.codes:
                code = None if signature is None else self._kept_code(signature, args)
                self.codes[signature] = code or self.dispatcher
        return self.codes[signature]

    def _kept_code(
        self, signature: keptcode.Signature, args: tuple[Any, ...]
    ) -> Callable[..., Any] | None:
        kept = keptcode.path_of(self.function, signature, self.folder)
        code = keptcode.load(kept)
        if code is None:
            from app.model.compiling import keep

            code = keep(self, args, kept)
        return code

    @cached_property
    def folder(self) -> Path:
        return keptcode.folder_of(self.function.__module__, inspect.getfile(self.function))

    @cached_property
    def dispatcher(self) -> Any:  # noqa: ANN401 -- numba's, which has no types
        from app.model.compiling import dispatcher_of

        return dispatcher_of(self)

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401
        """What numba takes it for where another function calls it."""
        return self.dispatcher._numba_type_


def hot_in_place(function: F) -> F:
    """Compile `function` on first call, off the interpreter lock, and keep the result on disk.

    The body must stay Python that a Python reader can follow: typed numpy arrays and integers in,
    arrays and integers out, no objects. It creates no array, not even a slice of one: references
    to arrays are not counted, which otherwise costs some ten atomic operations per call of such a
    function, and more than the work of a short one.
    """
    return cast(F, Hot(function))


def hot_part(function: F) -> F:
    """`hot_in_place` for a function that becomes part of each function that calls it.

    A call hands over seven words per array; a page costs less to paint than that.
    """
    return cast(F, Hot(function, forceinline=True))


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
